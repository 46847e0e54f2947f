"""Bytes → header → rows and back: everything that knows how DICOM is encoded (PS3.5), and nothing else does."""
