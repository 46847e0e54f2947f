"""How far a text stands out from its ground (WCAG 2.2), and how far colours differ for colour-blind eyes."""

from __future__ import annotations

import re

import numpy as np
import numpy.typing as npt

LIST_TEXTS = """() => {
  const seen = new Map();
  for (const node of document.querySelectorAll('body *')) {
    if (![...node.childNodes].some(child => child.nodeType === 3 && child.data.trim())) continue;
    const style = getComputedStyle(node);
    if (node.checkVisibility && !node.checkVisibility()) continue;
    const clear = one => /, 0\\)$|transparent/.test(getComputedStyle(one).backgroundColor);
    let behind = node;
    while (behind && clear(behind)) behind = behind.parentElement;
    const ground = getComputedStyle(behind || document.body).backgroundColor;
    const ink = node.closest('svg') ? style.fill : style.color;
    seen.set(ink + ground, {ink, ground, text: node.textContent.trim().slice(0, 40)});
  }
  return [...seen.values()];
}"""
"""Every pair of a text's colour and what is behind it, on the page as it is drawn."""

Rgb = npt.NDArray[np.float64]

EYES = {
    "normal": np.eye(3),
    "protan": np.array(
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]
    ),
    "deutan": np.array(
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]
    ),
    "tritan": np.array(
        [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]]
    ),
}
"""What is left of linear RGB (Machado, Oliveira and Fernandes 2009, severity 1)."""


def read_colour(colour: str) -> Rgb:
    """Read `#rrggbb` or `rgb(r, g, b)` as linear RGB, 0 to 1."""
    if colour.startswith("#"):
        values = [int(colour[at : at + 2], 16) for at in (1, 3, 5)]
    else:
        values = [int(value) for value in re.findall(r"\d+", colour)[:3]]
    channels = np.array(values) / 255
    return np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)


def contrast(one: str, other: str) -> float:
    """Contrast ratio, 1 to 21 (WCAG 2.2)."""
    dark, light = sorted(float(read_colour(colour) @ [0.2126, 0.7152, 0.0722]) for colour in (one, other))
    return (light + 0.05) / (dark + 0.05)


def difference(one: str, other: str, eyes: str) -> float:
    """Distance of two colours in CIELAB as some eyes see them; 2 can just be told apart side by side."""
    seen = (EYES[eyes] @ read_colour(colour) for colour in (one, other))
    return float(np.linalg.norm(np.subtract(*map(_lab, seen))))


def _lab(linear: Rgb) -> Rgb:
    to_xyz = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
    x, y, z = np.cbrt(to_xyz @ np.clip(linear, 0.0, 1.0) / [0.9505, 1.0, 1.089])
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])
