"""Single radiographs: PNG, JPEG and DICOM in, and squares of one size out, with their cases.

`read` opens a file of any of the kinds (`raster`, `dicom`), `prepare` makes squares of a cohort; `chexpert`, `nih` and
`folder` are layouts of `cohort.read`; `findings` turns what a table says into a label.
"""
