"""Sorting loops. Elements of every type are sorted as unsigned keys, in which NaN is largest and -0.0 equals 0.0.

A key of up to 32 bits and its position are one 64-bit *word*, ``key << 32 | position``. Sorting words is stable,
because the position decides between equal keys. Positions of 64-bit keys are in a second array.

Long rows are sorted by radix from the lowest digit, short rows by insertion. The first k are found with a buffer of
candidates (``first_words``), and the k-th alone by radix from the highest digit.
"""

from __future__ import annotations

import numpy as np

from numtorch.kernels.jit import jit, prange

UNSIGNED, SIGNED, FLOAT = range(3)  # how bits are read
NAN_LARGEST, NAN_WINS, NAN_IGNORED = range(3)  # what NaN does to a k-th value: kthvalue, median, nanmedian
INSERTION = 48  # elements up to which insertion beats counting digits
SHORT = 1 << 13  # elements up to which 8-bit digits beat 11-bit ones: fewer counters to clear
CHUNKS = 8  # of a long row, each with counters of its own, whatever the number of threads
GROUP = 1 << 11  # elements in short rows for which a thread allocates once
BLOCK = 64  # keys that are compared at once
FEW = 24  # up to which the first k are kept in order
LONG = 1 << 16  # elements from which a single row is shared by threads

U = np.uint64  # also for an index that cannot be negative, which Numba need not wrap
ZERO, ONE, U32 = np.uint64(0), np.uint64(1), np.uint64(32)
LOW = np.uint64(0xFFFFFFFF)


@jit(inline=True)
def ordered(bits, width, category, inf, descending):
    """The key of an element: unsigned numbers in the order in which elements are sorted"""
    v = np.uint64(bits)
    sign = ONE << np.uint64(width - 1)
    every = sign | (sign - ONE)
    if category == FLOAT:
        magnitude = v & (sign - ONE)
        key = v ^ every if v & sign else v | sign
        key = sign if magnitude == ZERO else key
        key = every if magnitude > np.uint64(inf) else key
    elif category == SIGNED:
        key = v ^ sign
    else:
        key = v
    return key ^ every if descending else key


@jit(inline=True)
def restored(key, original, width, category, descending):
    """The bits of an element from its key; ``original`` where the key does not tell: zeros and NaN"""
    sign = ONE << np.uint64(width - 1)
    every = sign | (sign - ONE)
    key = key ^ every if descending else key
    if category == FLOAT:
        if key in (sign, every):
            return np.uint64(original)
        return key ^ sign if key & sign else key ^ every
    return key ^ sign if category == SIGNED else key


@jit
def fill_keys(x, start, n, keys, width, category, inf, descending):
    """keys[i] = key of x[start + i]: a loop for each category, so that each is vectors"""
    if category == FLOAT:
        for i in range(n):
            keys[i] = ordered(x[U(start + i)], width, FLOAT, inf, descending)
    elif category == SIGNED:
        for i in range(n):
            keys[i] = ordered(x[U(start + i)], width, SIGNED, inf, descending)
    else:
        for i in range(n):
            keys[i] = ordered(x[U(start + i)], width, UNSIGNED, inf, descending)


@jit
def fill_words(x, n, words, width, category, inf, descending):
    """words[i] = key of x[i] << 32 | i"""
    fill_keys(x, 0, n, words, width, category, inf, descending)
    for i in range(n):
        words[i] = words[i] << U32 | np.uint64(i)


@jit
def insert(words, n):
    """Sort the first n words by insertion."""
    for i in range(1, n):
        w = words[i]
        j = i
        while j > 0 and words[j - 1] > w:
            words[j] = words[j - 1]
            j -= 1
        words[j] = w


@jit
def sort_words(words, other, n, low, high):
    """Sort n words, given in the order of their positions, by the bits from ``low`` to ``high``; ``other`` is scratch.

    for each digit from the lowest: count, prefix sums, move; digits that all words share are left out
    """
    if n <= INSERTION:
        insert(words, n)
        return
    bits = 8 if n <= SHORT else 11
    bins = 1 << bits
    passes = (high - low + bits - 1) // bits
    mask = np.uint64(bins - 1)
    counts = np.zeros(passes * bins, np.int64)
    for i in range(n):
        w = words[i] >> np.uint64(low)
        for p in range(passes):
            counts[p * bins + np.int64(w & mask)] += 1
            w >>= np.uint64(bits)
    swapped = False
    for p in range(passes):
        shift = np.uint64(low + p * bits)
        count = counts[p * bins : (p + 1) * bins]
        if count[np.int64(words[0] >> shift & mask)] == n:
            continue
        at = 0
        for d in range(bins):
            c = count[d]
            count[d] = at
            at += c
        if swapped:
            move(other, words, n, shift, mask, count)
        else:
            move(words, other, n, shift, mask, count)
        swapped = not swapped
    if swapped:
        words[:n] = other[:n]


@jit
def move(source, target, n, shift, mask, count):
    """Each word to the next place of its digit"""
    for i in range(n):
        w = source[i]
        d = np.int64(w >> shift & mask)
        target[count[d]] = w
        count[d] += 1


@jit(parallel=True)
def sort_long(words, other, n, low, high):
    """As ``sort_words`` for one long row, in chunks that threads share; the result is in ``words``."""
    bits = 11
    bins = 1 << bits
    passes = (high - low + bits - 1) // bits
    mask = np.uint64(bins - 1)
    step = (n + CHUNKS - 1) // CHUNKS
    counts = np.empty(CHUNKS * bins, np.int64)
    for p in range(passes):
        shift = np.uint64(low + p * bits)
        for c in prange(CHUNKS):
            mine = counts[c * bins : (c + 1) * bins]
            mine[:] = 0
            for i in range(c * step, min(c * step + step, n)):
                mine[np.int64(words[i] >> shift & mask)] += 1
        at = 0
        for d in range(bins):
            for c in range(CHUNKS):
                k = counts[c * bins + d]
                counts[c * bins + d] = at
                at += k
        for c in prange(CHUNKS):
            first = c * step
            if first < n:
                move(words[first:], other, min(step, n - first), shift, mask, counts[c * bins : (c + 1) * bins])
        for c in prange(CHUNKS):
            for i in range(c * step, min(c * step + step, n)):
                words[i] = other[i]


@jit
def line_of(x, at, n, step, line):
    """n elements, ``step`` apart, as an array: of x itself where they are neighbours, else copied into ``line``"""
    if step == 1:
        return x[at : at + n]
    for i in range(n):
        line[i] = x[U(at + i * step)]
    return line


@jit(parallel=True)
def sort_lines(x, values, indices, outer, n, inner, width, category, inf, descending):
    """Each line of x (outer, n, inner) along n sorted, and where its elements came from. Keys of at most 32 bits."""
    group, lines = max(1, GROUP // n), outer * inner
    for item in prange((lines + group - 1) // group):
        words, other, copied = np.empty(n, np.uint64), np.empty(n, np.uint64), np.empty(n if inner > 1 else 0, x.dtype)
        for r in range(item * group, min(item * group + group, lines)):
            at = r // inner * n * inner + r % inner
            line = line_of(x, at, n, inner, copied)
            fill_words(line, n, words, width, category, inf, descending)
            sort_words(words, other, n, 32, 32 + width)
            write_words(words, line, values, indices, at, n, inner, width, category, descending)


@jit
def write_words(words, line, values, indices, at, n, step, width, category, descending):
    """The first n words as values and positions, ``step`` apart"""
    for i in range(n):
        k = np.int64(words[i] & LOW)
        values[U(at + i * step)] = restored(words[i] >> U32, line[U(k)], width, category, descending)
        indices[U(at + i * step)] = k


@jit(parallel=True)
def sort_long_lines(x, values, indices, outer, n, inner, width, category, inf, descending):
    """As ``sort_lines`` for few long lines."""
    words, other = np.empty(n, np.uint64), np.empty(n, np.uint64)
    step = (n + CHUNKS - 1) // CHUNKS
    for r in range(outer * inner):
        at = r // inner * n * inner + r % inner
        for c in prange(CHUNKS):
            for i in range(c * step, min(c * step + step, n)):
                words[i] = ordered(x[U(at + i * inner)], width, category, inf, descending) << U32 | np.uint64(i)
        sort_long(words, other, n, 32, 32 + width)
        for c in prange(CHUNKS):
            for i in range(c * step, min(c * step + step, n)):
                k = np.int64(words[i] & LOW)
                values[U(at + i * inner)] = restored(words[i] >> U32, x[U(at + k * inner)], width, category, descending)
                indices[U(at + i * inner)] = k


# --- 64-bit keys ----------------------------------------------------------------------------------


@jit
def sort_pairs(keys, at, keys2, at2, n):
    """Sort keys and their positions by radix; the others are scratch.

    Digits that all keys share, such as the high ones of small integers, are left out.
    """
    bits = 8 if n <= SHORT else 11
    bins = 1 << bits
    passes = (64 + bits - 1) // bits
    mask = np.uint64(bins - 1)
    differ = ZERO
    for i in range(n):
        differ |= keys[i] ^ keys[0]
    swapped = False
    count = np.empty(bins, np.int64)
    for p in range(passes):
        shift = np.uint64(p * bits)
        if differ >> shift & mask == ZERO:
            continue
        if swapped:
            move_pairs(keys2, at2, keys, at, n, shift, mask, count)
        else:
            move_pairs(keys, at, keys2, at2, n, shift, mask, count)
        swapped = not swapped
    if swapped:
        keys[:n] = keys2[:n]
        at[:n] = at2[:n]


@jit
def move_pairs(keys, at, keys2, at2, n, shift, mask, count):
    """Each pair to the next place of its digit"""
    count[:] = 0
    for i in range(n):
        count[np.int64(keys[i] >> shift & mask)] += 1
    place = 0
    for d in range(count.size):
        c = count[d]
        count[d] = place
        place += c
    for i in range(n):
        d = np.int64(keys[i] >> shift & mask)
        keys2[count[d]] = keys[i]
        at2[count[d]] = at[i]
        count[d] += 1


@jit
def insert_pairs(keys, at, n):
    """Sort pairs by insertion; equal keys keep their order."""
    for i in range(1, n):
        key, where = keys[i], at[i]
        j = i
        while j > 0 and keys[j - 1] > key:
            keys[j], at[j] = keys[j - 1], at[j - 1]
            j -= 1
        keys[j], at[j] = key, where


@jit(parallel=True)
def sort_lines_wide(x, values, indices, outer, n, inner, k, width, category, inf, descending):
    """As ``sort_lines`` for keys of 64 bits; the first k of each line are written."""
    group, lines = max(1, GROUP // n), outer * inner
    for item in prange((lines + group - 1) // group):
        keys, keys2, copied = np.empty(n, np.uint64), np.empty(n, np.uint64), np.empty(n if inner > 1 else 0, x.dtype)
        at, at2 = np.empty(n, np.int32), np.empty(n, np.int32)
        for r in range(item * group, min(item * group + group, lines)):
            line = line_of(x, r // inner * n * inner + r % inner, n, inner, copied)
            fill_keys(line, 0, n, keys, width, category, inf, descending)
            for i in range(n):
                at[i] = i
            if n <= INSERTION:
                insert_pairs(keys, at, n)
            else:
                sort_pairs(keys, at, keys2, at2, n)
            first = r // inner * k * inner + r % inner
            for i in range(k):
                j = np.int64(at[i])
                values[U(first + i * inner)] = restored(keys[i], line[U(j)], width, category, descending)
                indices[U(first + i * inner)] = j


# --- the first k ----------------------------------------------------------------------------------


@jit(inline=True)
def precede(keys, m, limit):
    """How many of the first ``m`` keys are below ``limit``: vector code, where looking for the first one is not."""
    found = 0
    for i in range(m):
        found += keys[i] < limit
    return found


@jit
def first_words(x, n, k, words, other, width, category, inf, descending):
    """The first k words of a row in order, in ``words``, which has room for 2k + 32, as ``other`` has.

    The buffer takes what precedes the k-th word so far; when it is full it is sorted and cut to k.
    """
    room = min(n, words.size)
    fill_words(x, room, words, width, category, inf, descending)
    sort_words(words, other, room, 0 if room > INSERTION else 32, 32 + width)
    if room == n:
        return
    held = k
    limit = words[k - 1] >> U32
    keys = np.empty(BLOCK, np.uint64)
    for i0 in range(room, n, BLOCK):
        m = min(BLOCK, n - i0)
        fill_keys(x, i0, m, keys, width, category, inf, descending)
        if not precede(keys, m, limit):
            continue
        for i in range(m):
            if keys[i] < limit:
                words[held] = keys[i] << U32 | np.uint64(i0 + i)
                held += 1
                if held == words.size:
                    sort_words(words, other, held, 0, 32 + width)
                    held = k
                    limit = words[k - 1] >> U32
    sort_words(words, other, held, 0, 32 + width)


@jit
def first_few(x, n, k, words, keys, width, category, inf, descending):
    """As ``first_words`` for few, which are kept in order: what precedes the last of them is inserted. ``keys`` is
    scratch."""
    fill_words(x, k, words, width, category, inf, descending)
    insert(words, k)
    limit = words[k - 1] >> U32
    for i0 in range(k, n, BLOCK):
        m = min(BLOCK, n - i0)
        fill_keys(x, i0, m, keys, width, category, inf, descending)
        if not precede(keys, m, limit):
            continue
        for i in range(m):
            if keys[i] < limit:
                w = keys[i] << U32 | np.uint64(i0 + i)
                j = k - 1
                while j > 0 and words[j - 1] > w:
                    words[j] = words[j - 1]
                    j -= 1
                words[j] = w
                limit = words[k - 1] >> U32


@jit(parallel=True)
def first_of_lines(x, values, indices, outer, n, inner, k, width, category, inf, descending):
    """The first k elements of each line in sorted order"""
    group, lines = max(1, GROUP // n), outer * inner
    for item in prange((lines + group - 1) // group):
        room = max(BLOCK, min(n, 2 * k + 32))
        words, other, copied = (
            np.empty(room, np.uint64),
            np.empty(room, np.uint64),
            np.empty(n if inner > 1 else 0, x.dtype),
        )
        for r in range(item * group, min(item * group + group, lines)):
            line = line_of(x, r // inner * n * inner + r % inner, n, inner, copied)
            if k <= FEW:
                first_few(line, n, k, words, other, width, category, inf, descending)
            else:
                first_words(line, n, k, words, other, width, category, inf, descending)
            write_words(
                words, line, values, indices, r // inner * k * inner + r % inner, k, inner, width, category, descending
            )


@jit
def select(words, other, n, k, high):
    """The word that sorting would bring to place k: by radix from the highest digit, keeping one digit's words."""
    shift = high
    while n > 128 and shift > 0:
        step = min(11, shift)
        shift -= step
        mask = np.uint64((1 << step) - 1)
        count = np.zeros(1 << step, np.int64)
        for i in range(n):
            count[np.int64(words[i] >> np.uint64(shift) & mask)] += 1
        d = 0
        while k >= count[d]:
            k -= count[d]
            d += 1
        if count[d] == n:
            continue
        digit, m = np.uint64(d), 0
        for i in range(n):
            other[m] = words[i]
            m += (words[i] >> np.uint64(shift) & mask) == digit
        n = count[d]
        words[:n] = other[:n]
    insert(words, n)
    return words[k]


@jit(parallel=True)
def kth_of_lines(x, values, indices, outer, n, inner, k, width, category, inf, nan):
    """The k-th smallest element of each line (k from 0), or with ``nan`` the lower median; keys of at most 32 bits"""
    every = (ONE << np.uint64(width)) - ONE
    group, lines = max(1, GROUP // n), outer * inner
    for item in prange((lines + group - 1) // group):
        words, other, copied = (
            np.empty(n, np.uint64),
            np.empty(n + 1, np.uint64),
            np.empty(n if inner > 1 else 0, x.dtype),
        )
        for r in range(item * group, min(item * group + group, lines)):
            line = line_of(x, r // inner * n * inner + r % inner, n, inner, copied)
            fill_words(line, n, words, width, category, inf, False)
            numbers = n
            if nan != NAN_LARGEST and category == FLOAT:
                for i in range(n):
                    numbers -= words[i] >> U32 == every
            if numbers < n and (nan == NAN_WINS or numbers == 0):
                at = 0
                while words[at] >> U32 != every:
                    at += 1
            else:
                w = select(words, other, n, k if nan == NAN_LARGEST else (numbers - 1) // 2, 32 + width)
                at = np.int64(w & LOW)
            values[r] = line[U(at)]
            indices[r] = at


@jit(parallel=True)
def kth_of_lines_wide(x, values, indices, outer, n, inner, k, width, category, inf, nan):
    """As ``kth_of_lines`` for keys of 64 bits"""
    group, lines = max(1, GROUP // n), outer * inner
    for item in prange((lines + group - 1) // group):
        keys, keys2, copied = np.empty(n, np.uint64), np.empty(n, np.uint64), np.empty(n if inner > 1 else 0, x.dtype)
        at, at2 = np.empty(n, np.int32), np.empty(n, np.int32)
        for r in range(item * group, min(item * group + group, lines)):
            line = line_of(x, r // inner * n * inner + r % inner, n, inner, copied)
            fill_keys(line, 0, n, keys, width, category, inf, False)
            numbers = n
            for i in range(n):
                at[i] = i
                numbers -= category == FLOAT and keys[i] == ~ZERO
            sort_pairs(keys, at, keys2, at2, n)
            place = k
            if nan != NAN_LARGEST:
                place = numbers if numbers < n and (nan == NAN_WINS or numbers == 0) else (numbers - 1) // 2
            values[r] = line[at[place]]
            indices[r] = at[place]
