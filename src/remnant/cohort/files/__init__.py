"""Files of images: volumes, DICOM, pictures; each known by its content, and checked before it is believed."""
