"""The profiles that the importers make of published files: what ships in data/cameras besides the six that were written by hand.

`library(folder)` makes them again, text for text, so that every number of a shipped file can be traced to the importer and the file it came
from. Only sources under permissive licences are among them: MIT, BSD and Apache.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from campipe.calibrate.published.contents import Contents, Published, assumed, merged, priors, profile_from, read_json
from campipe.calibrate.published.dng_noise import NoiseRow, import_dng_noise, k_sigma_rows
from campipe.calibrate.published.eld import import_eld, read_eld
from campipe.calibrate.published.libcamera import import_libcamera, read_libcamera
from campipe.calibrate.published.makers import LARGE, MEASURED, SMALL, TUNED, Maker, part
from campipe.calibrate.published.pnnp import import_pnnp, read_pnnp
from campipe.calibrate.published.rawtoaces import import_rawtoaces
from campipe.core.profile_writing import entry, write_profile

PAPERS = "paper_calibrations.json"
_BALANCE_RANGE = "the range that the automatic white balance of libcamera searches, as far as its curve goes"


def library(folder: Path) -> Iterator[tuple[str, str]]:
    """Yield name and TOML text of every profile that is made by importers.

    folder   of published calibrations: paper_calibrations.json, libcamera_vc4/, rawtoaces/
    """
    for name, maker in TUNED.items():
        yield name, _tuned(folder, maker)
    papers = read_json(folder / PAPERS, "the calibrations of papers")
    yield from _canons(folder)
    yield from _phones(folder, papers)


def _tuned(folder: Path, maker: Maker) -> str:
    """From a tuning file of libcamera; where it has no curve of white balance, that of a sibling is assumed."""
    tuning = read_libcamera(folder / "libcamera_vc4" / f"{maker.tuning}.json")
    found = import_libcamera(
        tuning, bits=maker.bits, top_gain=maker.top_gain, mono=maker.pattern == "mono", aspect=maker.width / maker.height
    )
    about = part(maker)
    for stated in ("bits", "pattern"):
        found.contents["sensor"].pop(stated, None)
    remarks = list(found.remarks)
    parts: list[Mapping[str, Any]] = [about, found.contents, {"title": maker.title}]
    if maker.pattern != "mono":
        parts.append({"priors": priors(source="libcamera", note=_BALANCE_RANGE)})
        if "colour" not in found.contents:
            parts.append(_sibling_balance(folder, tuning.matrices))
            remarks[-1] = "White balance is assumed to be the IMX462's, a sensor of the same family; the colour matrix is the source's own."
    return write_profile(profile_from(*parts), f"{maker.title}. {' '.join(remarks)}")


def _sibling_balance(folder: Path, matrices: Mapping[float, tuple[float, ...]]) -> Contents:
    sibling = import_libcamera(read_libcamera(folder / "libcamera_vc4" / "imx462.json"), bits=12).contents
    balance = dict(sibling["colour"]["white_balance"], status="assumed", source="sibling", note="that of the IMX462")
    own = entry(list(matrices.values()), cct=list(matrices), status="measured", source="libcamera", note="the ccm of rpi.ccm")
    return {"sources": {"sibling": sibling["sources"]["libcamera"]}, "colour": {"white_balance": balance, "cam_to_srgb": own}}


def _canons(folder: Path) -> Iterator[tuple[str, str]]:
    """The two cameras of ELD whose spectral sensitivities nobody published: colour is that of the EOS 100D, assumed."""
    spectra = folder / "rawtoaces"
    names = ("camera/Canon_EOS_100D_380_780_5.json", "training/training_spectral.json", "cmf/cmf_1931.json")
    files = [spectra / name for name in names]
    colour = _borrowed(import_rawtoaces(files), "that of the EOS 100D, of the same maker and year")
    for name, key in (("canon-70d", "CanonEOS70D"), ("canon-700d", "CanonEOS700D")):
        camera = read_eld(folder / PAPERS, key)
        found = import_eld(camera, black=2048, above=[12800])
        found.contents["sensor"]["bits"]["status"] = "datasheet"
        found.contents["sensor"]["bits"]["source"] = "maker"
        rest = {"sensor": {"dark_current": assumed(0.3), "prnu": assumed(0.005), "quantum_efficiency": assumed(0.5)}}
        maker = part(MEASURED[name], LARGE, "the order in which raw converters read its files")
        profile = profile_from(maker, found, colour, rest, title=MEASURED[name].title)
        words = "Gain and noise from ISO 100 to 6400; at 12800 the gain goes on in proportion and the noise in e- stays. Colour is assumed."
        yield name, write_profile(profile, f"{MEASURED[name].title}. {words}")


def _phones(folder: Path, papers: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Phones, and a surveillance camera, whose noise papers give."""
    tuning = folder / "libcamera_vc4"
    same = _borrowed(import_libcamera(read_libcamera(tuning / "imx378.json"), bits=12), "that of another camera with an IMX378")
    near = _borrowed(import_libcamera(read_libcamera(tuning / "imx708.json"), bits=10), "that of an IMX708, another sensor of its maker")
    watch = _borrowed(import_libcamera(read_libcamera(tuning / "imx462.json"), bits=12), "that of an IMX462, another sensor of its maker")

    pixel = papers["SFRN"]["gp"]
    rows = [NoiseRow(*row) for row in zip(pixel["iso"], pixel["cshot"], pixel["cread"], strict=True)]
    source = "zhangyi-3/noise-synthesis (SFRN), synthesize.py, phone gp, commit ee3ae27; MIT"
    found = import_dng_noise(rows, bits=10, black=64, name="google-pixel", source=source)
    words = (
        "Noise at ISO 100 to 6400; the source's cread are variances, as their size says, though its demonstration uses them as standard "
        "deviations. Colour is assumed."
    )
    yield _made("google-pixel", found, same, words, levels=assumed(64, "white minus black is 959 in phones of 10 bits"))

    oppo = papers["PMRID"]["OPPO_Reno10x"]
    source = (
        "Wang et al., Practical Deep Raw Image Denoising on Mobile Devices, ECCV 2020; MegEngine/PMRID, run_benchmark.py, commit 8ebb9e8; "
        "Apache-2.0"
    )
    isos = [100.0 * 2**k for k in range(7)]
    rows = k_sigma_rows(oppo["K_poly"], oppo["var_poly"], isos, oppo["V"])
    found = import_dng_noise(rows, bits=10, black=64, name="oppo-reno10x", source=source)
    words = "Gain and read noise from the source's polynomials in ISO, taken one stop apart from 100 to 6400. Colour is assumed."
    yield _made("oppo-reno10x", found, near, words, levels=assumed(64, "the source divides by 959, which is 1023 - 64"))

    found = import_pnnp(read_pnnp(folder / PAPERS, "IMX686"), bits=10, black=64, name="phone-imx686")
    words = "Noise at ISO 100 and 6400, the two that the source has; between them it is interpolated. Colour is assumed."
    yield _made("phone-imx686", found, near, words)

    crvd = papers["PNNP"]["CRVD_12bit"]
    span = crvd["wp"] - crvd["bl"]
    rows = [NoiseRow(iso, a / span, b / span**2) for iso, a, b in zip(crvd["iso"], crvd["a"], crvd["b_var"], strict=True)]
    source = "fenghansen/PNNP, data_process/process.py, commit 4e5fe59, noise of the CRVD set; Apache-2.0"
    found = import_dng_noise(rows, bits=12, black=240, name="imx385", source=source)
    words = "Noise at ISO 1600 to 25600, the lowest of which is the camera's lowest in the source. Colour is assumed."
    yield _made("imx385", found, watch, words)


def _made(name: str, found: Published, colour: Contents, words: str, levels: Contents | None = None) -> tuple[str, str]:
    maker = MEASURED[name]
    about = merged(part(maker, SMALL, "as data sets of this camera have it"), {"priors": priors()})
    contents = {key: value for key, value in found.contents.items() if key != "title"}
    contents["sensor"] = {key: value for key, value in contents["sensor"].items() if key != "bits" or "bits" not in maker.stated}
    if "bits" not in maker.stated:
        contents["sensor"]["bits"] = assumed(maker.bits, "those of the source's numbers")
    if levels is not None:
        contents["sensor"]["black_level"] = levels
    profile = profile_from(about, contents, colour, title=maker.title)
    return name, write_profile(profile, f"{maker.title}. {words}")


def _borrowed(found: Published, note: str) -> Contents:
    """Colour of another camera, as an assumption that names it."""
    contents = found.contents
    colour = {name: dict(number, status="assumed", note=note) for name, number in contents["colour"].items()}
    return {"sources": contents["sources"], "colour": colour}
