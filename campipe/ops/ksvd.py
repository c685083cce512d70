"""Learning a dictionary from patches: K-SVD."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

from campipe.ops.sparse_coding import SIDE, sparse_codes, tolerances

_ALIKE = 0.99  # product of two atoms from which on one of them is replaced. K-SVD toolbox of Elad and Aharon
_RARE = 3  # patches that an atom is used for, up to which it is replaced


def places(size: torch.Size, most: int) -> tuple[Tensor, Tensor]:
    """First rows and columns of about `most` patches of a plane of (H, W), evenly spread."""
    rows, columns = (side - SIDE + 1 for side in size)
    # A step that shares no factor with the number of columns meets every column in turn.
    step = max(1, rows * columns // most)
    while step > 1 and math.gcd(step, columns) > 1:
        step += 1
    place = torch.arange(0, rows * columns, step)
    return place // columns, place % columns


def patches_at(plane: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
    """Patches of a plane (H, W) without their means, by their first pixels: (N, 64)."""
    patches = plane.unfold(0, SIDE, 1).unfold(1, SIDE, 1)[rows, columns].flatten(1)
    return patches - patches.mean(1, keepdim=True)


def learn(x: Tensor, sigma: Tensor, start: Tensor, *, patches: int, iterations: int) -> Tensor:
    """A dictionary for each noisy plane, from its own patches.

    x            (B, C, H, W), at least 8 x 8
    sigma        standard deviation of the noise, broadcasts with x
    start        (64, K), columns of length 1
    patches      of a plane to learn from, about
    iterations   of `ksvd`
    returns      (B, C, 64, K)

    Gradient: none. Source: Elad and Aharon 2006, section III.
    """
    planes = x.detach().to("cpu", torch.float32)
    allowed = tolerances(planes, sigma)
    rows, columns = places(x.shape[-2:], patches)
    learned = []
    for plane, energy in zip(planes.flatten(0, 1), allowed.flatten(0, 1), strict=True):
        data, tolerance = patches_at(plane, rows, columns), energy[rows, columns]
        noisy = (tolerance > 0) & (data.square().sum(1) > tolerance)  # the others need no atom, and teach nothing
        learned.append(ksvd(data[noisy], start, tolerance[noisy], iterations=iterations) if noisy.any() else start)
    return torch.stack(learned).reshape(*x.shape[:2], *start.shape)


def ksvd(patches: Tensor, dictionary: Tensor, allowed: Tensor, *, iterations: int, most: int = 32) -> Tensor:
    """Fit a dictionary to patches, such that they need few of its atoms.

    patches      (N, 64), without their means
    dictionary   (64, K), where to start; columns of length 1
    allowed      (N,), energy that may be left of each patch
    iterations   rounds of coding and of going over the atoms
    most         atoms of a patch
    returns      (64, K) float32, columns of length 1

    Atoms that hardly any patch uses, or that are like another one, become the patch that is coded worst. Nothing is drawn at random.
    Source: Aharon, Elad, Bruckstein, "K-SVD: an algorithm for designing overcomplete dictionaries for sparse representation", IEEE
    Transactions on Signal Processing 54, 2006; Rubinstein, Zibulevsky, Elad, "Efficient implementation of the K-SVD algorithm using batch
    orthogonal matching pursuit", Technion CS-2008-08, for the pursuit and for the update without a decomposition. Gradient: none.
    """
    from campipe.ops.kernels.omp import update_atoms

    data = patches.detach().float().numpy()
    atoms = np.ascontiguousarray(dictionary.detach().float().numpy().T)
    for iteration in range(iterations):
        support, weights, counts = sparse_codes(patches, allowed, torch.from_numpy(atoms.T), most)
        owner = np.repeat(np.arange(len(data)), counts)
        taken = np.arange(support.shape[1]) < counts[:, None]
        atom, weight = support[taken], weights[taken]
        by_atom = np.argsort(atom, kind="stable")
        starts = np.searchsorted(atom[by_atom], np.arange(len(atoms) + 1))
        rest = data - _sums(atoms, atom, weight, owner, len(data))
        used = np.zeros(len(atoms), np.float32)
        update_atoms(atoms, rest, owner[by_atom], starts, weight[by_atom], used)
        if iteration < iterations - 1:  # what was put in anew is fitted once, so that no atom is one noisy patch
            _replace(atoms, data, rest, np.diff(starts))
    return torch.from_numpy(np.ascontiguousarray(atoms.T))


def _sums(atoms: np.ndarray, atom: np.ndarray, weight: np.ndarray, owner: np.ndarray, patches: int) -> np.ndarray:
    """What the codes make of each patch, (N, 64)."""
    codes = torch.sparse_coo_tensor(
        torch.from_numpy(np.stack([owner, atom.astype(np.int64)])), torch.from_numpy(weight), (patches, len(atoms)), check_invariants=False
    )
    return torch.sparse.mm(codes, torch.from_numpy(atoms)).numpy()


def _replace(atoms: np.ndarray, data: np.ndarray, rest: np.ndarray, uses: np.ndarray) -> None:
    """Let atoms that are rare or alike become the patches that are coded worst."""
    gram = np.abs(atoms @ atoms.T)
    np.fill_diagonal(gram, 0)
    worst = iter(np.argsort(-np.square(rest).sum(1), kind="stable"))
    for k in range(len(atoms)):
        if uses[k] > _RARE and gram[k].max() < _ALIKE:
            continue
        patch = data[next(worst, 0)]
        length = float(np.linalg.norm(patch))
        if length > 0:
            atoms[k] = patch / length
            gram[k] = gram[:, k] = 0
