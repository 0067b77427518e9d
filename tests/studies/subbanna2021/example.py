"""Two folds of invented attacks on two patients: what the cells of a study leave."""

# Two patients with a second scan each, and two without; A and B are member and non-member once, C and D attacker's.
GALLERY = [["A", 1], ["A", 2], ["B", 1], ["B", 2], ["C", 1], ["D", 1]]


def attack(groups, rows, names=("A", "B"), experiment="default", mean_image=(0.5, 0.5, 0.4, 0.4, 0.6, 0.6)):
    """A cell's result: `rows` are similarities of A1, A2, B1, B2 with the gallery."""
    rename = dict(zip("AB", names, strict=True))
    gallery = [[rename.get(name, name), session] for name, session in GALLERY]
    return {
        "network": "unet",
        "experiment": experiment,
        "pseudonyms": [names[0], names[0], names[1], names[1]],
        "groups": [groups[0], groups[0], groups[1], groups[1]],
        "sessions": [1, 2, 1, 2],
        "gallery": gallery,
        "similarity": {metric: rows for metric in ("ssim", "ncc", "mcc")},
        "mean_image": {metric: list(mean_image) for metric in ("ssim", "ncc", "mcc")},
        "measures": {"ssim": "m"},
        "dice": {"original": [[1.0, 0.8, 0.6], [1, 0, 0], [1.0, 0.4, None], [1, 0, 0]]},
        "classes": ["background", "gyri", "deep_grey"],
    }


def cells(names=("A", "B")):
    fold0 = [
        [0.9, 0.7, 0.3, 0.2, 0.5, 0.1],  # A1: own first; its other session 0.7 is above all others
        [0.8, 0.9, 0.3, 0.2, 0.5, 0.1],  # A2: finds A1
        [0.6, 0.1, 0.5, 0.4, 0.7, 0.1],  # B1: own third, behind C and A
        [0.6, 0.1, 0.5, 0.9, 0.1, 0.1],  # B2: B1 second, behind A1
    ]
    fold1 = [
        [0.7, 0.7, 0.8, 0.2, 0.5, 0.1],  # A1: own second
        [0.2, 0.9, 0.3, 0.2, 0.5, 0.1],
        [0.1, 0.1, 0.6, 0.4, 0.2, 0.1],  # B1: own first
        [0.1, 0.1, 0.5, 0.9, 0.2, 0.1],
    ]
    return {
        "segmenter-unet-fold0": {"checkpoint": "c", "sha256": "00"},
        "attack-unet-fold0-default": attack(("member", "non_member"), fold0, names),
        "attack-unet-fold1-default": attack(("non_member", "member"), fold1, names),
    }
