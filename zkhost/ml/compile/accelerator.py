"""What programs of the big integer accelerator may be, and what they cost: the numbers of `zkhost_nn::program`.

The interpreter checks its programs itself; these are for choosing one that it takes.
"""

from __future__ import annotations

from dataclasses import dataclass

PRIME = 15 * (1 << 27) + 1
MAX_WORDS, MAX_CELLS, MAX_LANES, MAX_PAIRS = 16_000, 4096, 1024, 4
CELL = 16
MAX_CYCLES, PAGE_CYCLES, PAGE_BYTES = 24_000, 340, 1024
OFFSET = 1 << 23
# Cells of a row of weights, and the most inputs of a program for such rows.
DENSE = ((1, 1024), (2, 800), (4, 480), (8, 256), (16, 128))
MAX_COLUMNS = 4096

# User cycles, counted: a call beside its program's words; asking the host for advice; a byte of advice; a word of a program
# built; a kernel's weight, or an input, put into a cell; an operation begun.
CALL, ADVISE, ADVICE_BYTE, BUILD, SPREAD, BEGIN = 300, 260, 0.1, 4, 4, 2500
# A lane requantised; a row of them begun; a lane that goes into a pool, and what comes out; a sum; a dense layer's channel
# prepared, and its lane.
LANE, ROW, POOLED_LANE, POOLED, SUM, CHANNEL, DENSE_LANE = 21, 40, 11, 14, 25, 25, 34
# Where programs requantise: a lane of a cell that they do; a row of outputs copied; an output of it, the largest of 2 x 2, or one
# put where another column follows; a channel's numbers; a byte of an input taken apart in polyphase components.
RESCALED_LANE, COPIED_ROW, COPIED, POOLED_BYTES, SCATTERED, NUMBERS, COMPONENT = 4, 35, 3, 13, 3, 250, 2
# Paging that a layer which does so adds to a small model: code and memory that nothing else touches.
RESCALE_PAGES = 4000
# Rows that a byte of a plan takes which is an input, more than one in the image does: it is hashed, and its page written.
HIDDEN_BYTE = 1.4
# Outputs, before they are clamped, that programs requantise.
RESCALED = 32_000


def cells(count: int) -> int:
    """Cells that hold so many bytes."""
    return -(-count // CELL)


@dataclass(frozen=True)
class Convolution:
    """A convolution's program: sizes in cells. `pairs` of planes of sums, or 0 for kernels of split signs. The lanes of
    `rescaled` cells are requantised in it."""

    inputs: int
    kernel: int
    plane: int
    pitch: int
    pairs: int
    rescaled: int = 0

    @property
    def advice(self) -> int:
        """Cells of advice."""
        return 3 * self.lanes + 7 * self.rescaled

    @property
    def lanes(self) -> int:
        return self.kernel + self.plane

    @property
    def terms(self) -> int:
        """Cells of one output channel's kernels."""
        return self.inputs * self.kernel * (1 if self.pairs else 2)

    @property
    def words(self) -> int:
        products = self.inputs * self.lanes * (1 if self.pairs else 2)
        rescale = 18 * self.rescaled + 27 if self.rescaled else 0
        return products + self.pairs * (2 * self.lanes + 3) + (self.lanes + 2) + (3 * self.lanes + 3) + rescale + 2

    @property
    def sums_words(self) -> int:
        """Words of the program for the inputs' sums."""
        return self.inputs * self.lanes + self.pairs * (2 * self.lanes + 1) + 2 if self.pairs else 0

    @property
    def read(self) -> tuple[int, ...]:
        """Cells read behind each base register."""
        reach = (self.inputs - 1) * self.pitch + self.plane
        constants = 21 if self.rescaled else 3 if self.pairs else 2
        return (self.terms, reach, self.advice, constants, 2 * self.pairs * self.lanes, self.lanes)

    @property
    def cycles(self) -> int:
        """Cycles of a call at most: each page that it reads counted as not loaded yet."""
        return call_cycles(self.words, self.read)

    def fits(self) -> bool:
        """Return whether the interpreter takes it."""
        largest = self.inputs * 65025 * CELL * min(self.kernel, self.plane)
        subtracted = self.pairs * 255 * 65535 if self.pairs else largest
        return (
            self.lanes <= MAX_LANES
            and self.pairs <= MAX_PAIRS
            and max(self.read) <= MAX_CELLS
            and max(self.words, self.sums_words) <= MAX_WORDS
            and largest + OFFSET < PRIME
            and subtracted + (1 << 24) < PRIME
            and self.cycles <= MAX_CYCLES
        )


def call_cycles(words: int, read: tuple[int, ...]) -> int:
    """Cycles of a call of so many words that reads so many cells behind each base register, no page of them loaded yet."""
    pages = words * 4 // PAGE_BYTES + 4 + sum(count * CELL // PAGE_BYTES + 2 for count in read if count)
    return words + pages * PAGE_CYCLES


def finish(program: Convolution, rows: int, columns: int, pool: int = 1, size: int = 1) -> float:
    """User cycles of what becomes of a call's lanes."""
    outputs = rows * columns
    if size == 4:
        return SUM * outputs
    if program.rescaled:
        copied = COPIED if pool == 1 else POOLED_BYTES
        return NUMBERS + RESCALED_LANE * program.rescaled * CELL + rows * COPIED_ROW + copied * outputs
    return ROW * rows + outputs * (LANE if pool == 1 else POOLED_LANE * pool**2 + POOLED)


def rescales(scale: float, low: int, high: int) -> bool:
    """Return whether a program can requantise by this scale to this range."""
    return 2.0**-13 <= scale < (2**17 - 1) / (129 << 16) and (low, high) == (0, 255)


def parts(inputs: int) -> int:
    """Parts of 16 bits of the sum of so many bytes."""
    return -(-inputs * 255 // 65535)


def dense_words(inputs: int, row: int, rescaled: bool = False) -> int:
    """Words of a program for `inputs` inputs and rows of `row` cells."""
    most = dict(DENSE)[row]
    after = (3 * row + 3) + (18 * row + 27) if rescaled else 2 + row
    return inputs * (row + 1) + parts(most) * (2 + row) + after + (3 * row + 3) + 2


def dense_row(inputs: int, row: int, blocks: int, columns: int, rescaled: bool) -> float:
    """User cycles of a row of a matrix product."""
    calls = blocks * (dense_words(inputs, row, rescaled) + CALL)
    lanes = columns * (RESCALED_LANE + SCATTERED) if rescaled else columns * DENSE_LANE
    return SPREAD * inputs + ADVISE + calls + lanes


# Calls whose advice is asked for at once, and its bytes, at most.
BATCH, ADVICE_BYTES = 8, 4096
MAX_ROWS = 1 << 20
# Of products of two tensors: one begun; a call beside that of a layer, and its row begun; a column's bias, and what a requantisation
# makes of it; a lane requantised, and one as a sum; a sum requantised by an operation of its own.
MATMUL, MATMUL_CALL, MATMUL_ROW, BIAS, PREPARED, MATMUL_LANE, MATMUL_SUM, REQUANTIZE = 4500, 110, 60, 20, 20, 27, 12, 22


def matmul(matrices: int, rows: int, inputs: int, row: int, blocks: int, columns: int, kind: int, sums: bool) -> float:
    """User cycles of a product of tensors: `kind` as the interpreter numbers what becomes of lanes, `sums` where those of the right
    matrices' columns are needed."""
    rescaled = kind == 2
    advice = (10 if rescaled else 3) * row * CELL
    together = min(max(1, ADVICE_BYTES // advice), BATCH, MAX_CELLS // inputs)
    groups = -(-rows * blocks // together)
    calls = rows * blocks * (dense_words(inputs, row, rescaled) + CALL + MATMUL_CALL) + groups * ADVISE
    spread = (rows if blocks == 1 else rows + groups) * (SPREAD * inputs + MATMUL_ROW)
    lane = {1: MATMUL_LANE, 2: RESCALED_LANE + SCATTERED}.get(kind, MATMUL_SUM)
    corrected = blocks * (dense_words(inputs, row) + CALL + ADVISE + SPREAD * inputs) if sums else 0
    biases = columns * (BIAS + (PREPARED if kind < 4 else 0))
    return MATMUL + matrices * (calls + spread + rows * columns * lane + corrected + biases)
