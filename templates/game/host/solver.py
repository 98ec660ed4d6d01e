"""Finds a shortest solution, breadth first: at most 31 moves, within a second or two."""

from collections import deque

from contract import Move

SOLVED = bytes([1, 2, 3, 4, 5, 6, 7, 8, 0])
_STEPS = {Move.UP: -3, Move.DOWN: 3, Move.LEFT: -1, Move.RIGHT: 1}


def play(board: bytes, move: Move) -> bytes | None:
    """The board after a move, None where the gap would leave it."""
    gap = board.index(0)
    row, column = divmod(gap, 3)
    if (move, row) in {(Move.UP, 0), (Move.DOWN, 2)} or (move, column) in {(Move.LEFT, 0), (Move.RIGHT, 2)}:
        return None
    tiles = bytearray(board)
    other = gap + _STEPS[move]
    tiles[gap], tiles[other] = tiles[other], tiles[gap]
    return bytes(tiles)


def solve(board: bytes) -> list[Move] | None:
    """The moves that solve a board, None where nothing does (half of all boards)."""
    came_from: dict[bytes, tuple[bytes, Move] | None] = {board: None}
    queue = deque([board])
    while queue:
        here = queue.popleft()
        if here == SOLVED:
            return _way_to(here, came_from)
        for move in Move:
            after = play(here, move)
            if after is not None and after not in came_from:
                came_from[after] = (here, move)
                queue.append(after)
    return None


def _way_to(board: bytes, came_from: dict[bytes, tuple[bytes, Move] | None]) -> list[Move]:
    moves: list[Move] = []
    step = came_from[board]
    while step is not None:
        board, move = step
        moves.append(move)
        step = came_from[board]
    return moves[::-1]
