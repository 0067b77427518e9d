"""The values of FreeSurfer's label maps (aseg, aparc+aseg, aparc.a2009s+aseg, wmparc), each with its class of tissue5.

Values and names: FreeSurferColorLUT.txt. What is a matter of choice:

- nuclei are thalamus, caudate, putamen, pallidum, accumbens, amygdala and ventral diencephalon; the hippocampus, folded cortex,
  is grey matter.
- The brain stem and the optic chiasm are white matter: FreeSurfer does not part their grey matter from it.
- csf_int are the ventricles with their choroid plexus; csf_ext is the value CSF, which aseg gives to little of the fluid
  around the brain.
- Lesions of white matter stay white matter, those elsewhere (80 to 82) lie in nuclei. Vessels are none.
"""

_BOTH_SIDES = {
    "wm": ((2, 41), (7, 46), (78, 79)),
    "gm": ((3, 42), (8, 47), (17, 53)),
    "nuclei": ((9, 48), (10, 49), (11, 50), (12, 51), (13, 52), (18, 54), (26, 58), (28, 60), (81, 82)),
    "csf_int": ((4, 43), (5, 44), (31, 63)),
    "none": ((30, 62),),
}
_SINGLE = {
    "none": (0,),
    # Corpus callosum whole (192) and in its five parts (251 to 255), fornix (250).
    "wm": (16, 77, 85, 192, *range(250, 256)),
    "nuclei": (80,),
    "csf_int": (14, 15, 72),
    "csf_ext": (24,),
}
# First and last value of cortex and white matter by region: left and right of Desikan-Killiany, of Destrieux, of wmparc.
_REGIONS = {
    "gm": ((1000, 1035), (2000, 2035), (11100, 11175), (12100, 12175)),
    "wm": ((3000, 3035), (4000, 4035), (5001, 5002)),
}


def tissue5_of_values() -> dict[int, str]:
    """Label value to its class of tissue5."""
    table = {value: name for name, pairs in _BOTH_SIDES.items() for pair in pairs for value in pair}
    table |= {value: name for name, values in _SINGLE.items() for value in values}
    for name, runs in _REGIONS.items():
        table |= {value: name for first, last in runs for value in range(first, last + 1)}
    return dict(sorted(table.items()))
