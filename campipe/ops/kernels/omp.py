"""Orthogonal matching pursuit of patches of 64 pixels, and the loops around it.

The dictionary is (64, K), columns of length 1; `gram` is its transpose times itself, (K, K). Everything is float32, and what happens to a
patch hangs on that patch alone.
"""

from __future__ import annotations

import numpy as np

from campipe.ops.kernels.intrinsics import wide
from campipe.ops.kernels.jit import compiled, inlined

SIDE = 8
PIXELS = SIDE * SIDE
MOST = 32
"""Atoms that a patch gets at most."""
_DEPENDENT = np.float32(1e-5)  # squared length of what is new in an atom, below which it is a sum of those before


@inlined
def _products(patch, dictionary, alpha):
    """alpha = dictionary^T patch."""
    alpha[:] = np.float32(0)
    for i in range(PIXELS):
        value = patch[i]
        row = dictionary[i]
        for k in range(alpha.size):
            alpha[k] += value * row[k]


@inlined
def _largest(alpha):
    best, place = np.float32(-1), 0
    for k in range(alpha.size):
        size = abs(alpha[k])
        if size > best:
            best, place = size, k
    return place


@compiled
def pursue(patch, dictionary, gram, tolerance, most, alpha, cross, lower, along, support):
    """Add atom after atom until the energy of what is left is at most `tolerance`, or there are `most` of them. Returns their number.

    patch     (64,)
    alpha     (K,) scratch: products of the atoms with what is left of the patch
    cross     (MOST, K) scratch: products of the atoms with the orthonormal direction that each step adds
    lower     (MOST, MOST): row n has the n-th chosen atom in those directions
    along     (MOST,): the patch in those directions
    support   (MOST,): the chosen atoms

    Keeping the products of all atoms with the new directions gives the factor of Cholesky without solving for it.
    """
    wide()
    left = np.float32(0)
    for i in range(PIXELS):
        left += patch[i] * patch[i]
    if left <= tolerance:
        return 0
    _products(patch, dictionary, alpha)
    count = 0
    while count < most and left > tolerance:
        k = _largest(alpha)
        rest = gram[k, k]
        for j in range(count):
            rest -= cross[j, k] * cross[j, k]
        if not rest > _DEPENDENT:
            break
        length = np.float32(np.sqrt(rest))
        direction, source = cross[count], gram[k]
        for m in range(alpha.size):
            direction[m] = source[m]
        for j in range(count):
            weight, before = cross[j, k], cross[j]
            lower[count, j] = weight
            for m in range(alpha.size):
                direction[m] -= weight * before[m]
        lower[count, count] = length
        size = alpha[k] / length
        scale = np.float32(1) / length
        for m in range(alpha.size):
            direction[m] *= scale
            alpha[m] -= size * direction[m]
        alpha[k] = np.float32(0)
        along[count] = size
        support[count] = k
        left -= size * size
        count += 1
    return count


@inlined
def _weights(lower, along, count, weights):
    """Solve lower^T weights = along: from the directions back to the atoms."""
    for j in range(count - 1, -1, -1):
        value = along[j]
        for i in range(j + 1, count):
            value -= lower[i, j] * weights[i]
        weights[j] = value / lower[j, j]


@compiled
def code_patches(patches, tolerance, most, dictionary, gram, first, last, support, weights, counts):
    """Codes of patches (N, 64) from `first` to `last`: atoms (N, MOST), their weights (N, MOST), and how many, (N,)."""
    atoms = gram.shape[0]
    alpha, cross = np.empty(atoms, np.float32), np.empty((MOST, atoms), np.float32)
    lower, along = np.empty((MOST, MOST), np.float32), np.empty(MOST, np.float32)
    for n in range(first, last):
        count = pursue(patches[n], dictionary, gram, tolerance[n], most, alpha, cross, lower, along, support[n])
        _weights(lower, along, count, weights[n])
        counts[n] = count


@compiled
def code_rows(picture, tolerance, most, dictionary, gram, top, first, last, strips):
    """Code every patch whose first pixel lies in rows `first` to `last`, and lay the results over one another row by row.

    picture     (H, W)
    tolerance   (H - 7, W - 7): energy that may be left of each patch; 0: the patch stays as it is
    top         row that strips[0] belongs to
    strips      (rows, 8, W): sum of the results of the patches that begin in a row
    """
    atoms, columns = gram.shape[0], picture.shape[1] - SIDE + 1
    alpha, cross = np.empty(atoms, np.float32), np.empty((MOST, atoms), np.float32)
    lower, along, weights = np.empty((MOST, MOST), np.float32), np.empty(MOST, np.float32), np.empty(MOST, np.float32)
    support = np.empty(MOST, np.int32)
    patch = np.empty(PIXELS, np.float32)
    for y in range(first, last):
        strip = strips[y - top]
        strip[:] = np.float32(0)
        for x in range(columns):
            mean = np.float32(0)
            for i in range(SIDE):
                for j in range(SIDE):
                    patch[i * SIDE + j] = picture[y + i, x + j]
                    mean += picture[y + i, x + j]
            allowed = tolerance[y, x]
            if allowed > 0:
                mean /= np.float32(PIXELS)
                for i in range(PIXELS):
                    patch[i] -= mean
                count = pursue(patch, dictionary, gram, allowed, most, alpha, cross, lower, along, support)
                _weights(lower, along, count, weights)
                patch[:] = mean
                for j in range(count):
                    atom, weight = support[j], weights[j]
                    for i in range(PIXELS):
                        patch[i] += weight * dictionary[i, atom]
            for i in range(SIDE):
                for j in range(SIDE):
                    strip[i, x + j] += patch[i * SIDE + j]


@compiled
def lay_rows(strips, top, count, out):
    """Add the strips of the rows from `top` on to the picture, in the order of the rows."""
    for n in range(count):
        for i in range(SIDE):
            for x in range(out.shape[1]):
                out[top + n + i, x] += strips[n, i, x]


@compiled
def update_atoms(atoms, rest, order, starts, weights, used):
    """One sweep over the dictionary: each atom, and its weights, become the best ones for what the others leave of its patches.

    atoms     (K, 64), rows of length 1; changed
    rest      (N, 64): patches less their codes; changed
    order     patch of each weight, sorted by atom; starts (K + 1,) says where an atom's begin
    weights   the weights in that order; changed
    used      (K,): set to the atom's share of energy

    One step of the power method takes the place of the singular value decomposition, as in Rubinstein's approximate K-SVD.
    """
    fresh = np.empty(PIXELS, np.float32)
    for k in range(atoms.shape[0]):
        begin, end = starts[k], starts[k + 1]
        used[k] = 0
        if begin == end:
            continue
        fresh[:] = np.float32(0)
        total = np.float32(0)
        for n in range(begin, end):
            weight, left = weights[n], rest[order[n]]
            total += weight * weight
            for i in range(PIXELS):
                fresh[i] += weight * left[i]
        length = np.float32(0)
        for i in range(PIXELS):
            fresh[i] += total * atoms[k, i]
            length += fresh[i] * fresh[i]
        if not length > 0:
            continue
        scale = np.float32(1) / np.float32(np.sqrt(length))
        for i in range(PIXELS):
            fresh[i] *= scale
        for n in range(begin, end):
            weight, left = weights[n], rest[order[n]]
            product = np.float32(0)
            for i in range(PIXELS):
                left[i] += weight * atoms[k, i]
                product += left[i] * fresh[i]
            for i in range(PIXELS):
                left[i] -= product * fresh[i]
            weights[n] = product
            used[k] += product * product
        for i in range(PIXELS):
            atoms[k, i] = fresh[i]
