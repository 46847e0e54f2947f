"""The defined terms of Modality and what they stand for.

Modality comes from a file, and a file may hold anything there, a name included. A page shows the terms of
the standard and counts everything else as one, so that no text of a source can reach it.

References
----------
PS3.16, CID 33 Modality, with the defined terms of PS3.3 C.7.3.1.1.1.
"""

from __future__ import annotations

from collections.abc import Mapping

OTHER_TERM = "other"

MODALITIES = {
    "AR": "Autorefraction",
    "ASMT": "Content Assessment Result",
    "AU": "Basic Voice Audio",
    "BDUS": "Ultrasound Bone Densitometry",
    "BI": "Biomagnetic Imaging",
    "BMD": "Bone Mineral Densitometry",
    "CFM": "Confocal Microscopy",
    "CR": "Computed Radiography",
    "CT": "Computed Tomography",
    "CTPROTOCOL": "CT Protocol",
    "DG": "Diaphanography",
    "DMS": "Dermoscopy",
    "DOC": "Document",
    "DX": "Digital Radiography",
    "ECG": "Electrocardiography",
    "EEG": "Electroencephalography",
    "EMG": "Electromyography",
    "EOG": "Electrooculography",
    "EPS": "Cardiac Electrophysiology",
    "ES": "Endoscopy",
    "FID": "Spatial Fiducials",
    "GM": "General Microscopy",
    "HC": "Hard Copy",
    "HD": "Hemodynamic Waveform",
    "IO": "Intra-oral Radiography",
    "IOL": "Intraocular Lens Calculation",
    "IVOCT": "Intravascular Optical Coherence Tomography",
    "IVUS": "Intravascular Ultrasound",
    "KER": "Keratometry",
    "KO": "Key Object Selection",
    "LEN": "Lensometry",
    "LS": "Laser Scan",
    "M3D": "Model for 3D Manufacturing",
    "MG": "Mammography",
    "MR": "Magnetic Resonance",
    "NM": "Nuclear Medicine",
    "OAM": "Ophthalmic Axial Measurements",
    "OCT": "Optical Coherence Tomography",
    "OP": "Ophthalmic Photography",
    "OPM": "Ophthalmic Mapping",
    "OPT": "Ophthalmic Tomography",
    "OPTBSV": "Ophthalmic Tomography B-scan Volume Analysis",
    "OPTENF": "Ophthalmic Tomography En Face",
    "OPV": "Ophthalmic Visual Field",
    "OSS": "Optical Surface Scanner",
    "OT": "Other",
    "PA": "Photoacoustic",
    "PLAN": "Plan",
    "POS": "Position Sensor",
    "PR": "Presentation State",
    "PT": "Positron emission tomography",
    "PX": "Panoramic X-Ray",
    "REG": "Registration",
    "RESP": "Respiratory Waveform",
    "RF": "Radiofluoroscopy",
    "RG": "Radiographic imaging",
    "RTDOSE": "RT Dose",
    "RTIMAGE": "RT Image",
    "RTPLAN": "RT Plan",
    "RTRECORD": "RT Treatment Record",
    "RTSTRUCT": "RT Structure Set",
    "RWV": "Real World Value Map",
    "SEG": "Segmentation",
    "SM": "Slide Microscopy",
    "SMR": "Stereometric Relationship",
    "SR": "Structured Report Document",
    "SRF": "Subjective Refraction",
    "STAIN": "Automated Slide Stainer",
    "TEXTUREMAP": "Texture Map",
    "TG": "Thermography",
    "US": "Ultrasound",
    "VA": "Visual Acuity",
    "XA": "X-Ray Angiography",
    "XC": "External-camera Photography",
}


def fold_modalities(counts: Mapping[str, int]) -> dict[str, int]:
    """Count by defined term, most frequent first, with all that is none under `other`, last."""
    known = {term: count for term, count in counts.items() if term in MODALITIES}
    folded = dict(sorted(known.items(), key=lambda item: (-item[1], item[0])))
    unknown = sum(counts.values()) - sum(known.values())
    return folded | ({OTHER_TERM: unknown} if unknown else {})
