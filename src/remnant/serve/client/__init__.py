"""The client: a scan becomes a code, and what a server makes of it a label map and a DICOM SEG beside the scan."""
