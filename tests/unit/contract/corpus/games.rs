//! Games whose moves are proved.
use core::num::{NonZeroU16, NonZeroU8};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashSet, LinkedList, VecDeque};

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Colour {
    #[default]
    White,
    Black,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Square(u8);

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Piece {
    Pawn(Colour),
    Rook { colour: Colour, moved: bool },
    King { colour: Colour, moved: bool },
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Board {
    squares: [[Option<Piece>; 8]; 8],
    to_move: Colour,
    en_passant: Option<Square>,
    halfmoves: u8,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Move {
    Normal { from: Square, to: Square, promotion: Option<Promotion> },
    CastleShort,
    CastleLong,
    Resign,
}

#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING-KEBAB-CASE")]
pub enum Promotion {
    Queen,
    #[serde(rename = "N", alias = "horse")]
    Knight,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Game {
    pub board: Board,
    pub history: Vec<Move>,
    pub clock: Option<Clock>,
    pub players: (Player, Player),
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Player {
    pub name: String,
    pub rating: Option<NonZeroU16>,
    pub country: Option<[char; 2]>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Clock {
    pub left: [core::time::Duration; 2],
    pub increment: std::time::Duration,
}

/// Battleships.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Fleet {
    pub ships: Vec<Ship>,
    pub pepper: Pepper,
}

pub type Pepper = String;

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Ship {
    pub at: Position,
    pub direction: Direction,
    pub length: NonZeroU8,
    pub hits: HashSet<u8>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Position {
    pub x: i8,
    pub y: i8,
}

#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub enum Direction {
    Vertical = 0x10,
    Horizontal = 0x20,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum ShotResult {
    Miss,
    Hit,
    Sunk(Ship),
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RoundParams {
    pub shot: Position,
    pub result: Result<ShotResult, Foul>,
    pub seen: BTreeMap<Position, Vec<ShotResultKind>>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Foul(String);

#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub enum ShotResultKind { Miss, Hit, Sunk }

/// Sudoku.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Sudoku {
    pub given: [[u8; 9]; 9],
    pub candidates: BTreeMap<(u8, u8), BTreeSet<u8>>,
}

/// Cards.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Card { suit: Suit, rank: u8 }

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Suit { Clubs, Diamonds, Hearts, Spades }

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Table {
    pub deck: VecDeque<Card>,
    pub hands: BTreeMap<u16, Hand>,
    pub log: LinkedList<Event>,
    pub bets: Vec<(u16, i64)>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Hand(pub Vec<Card>, pub bool);

#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Event {
    Dealt { to: u16, cards: Box<[Card]> },
    Bet(u16, u64),
    Said(Cow<'static, str>),
    Fold,
}

/// Wordle: units in every shape.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Nothing;
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct NothingAtAll();
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct NoFields {}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Guess {
    pub word: [char; 5],
    pub a: Nothing,
    pub b: NothingAtAll,
    pub c: NoFields,
    pub d: (),
    pub marks: [Mark; 5],
}

#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub enum Mark { Correct {}, Elsewhere(), Absent }

/// A tree of moves.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Line {
    pub best: Move,
    pub score: Score,
    pub replies: Vec<Line>,
    pub refutation: Option<Box<Line>>,
}

#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub enum Score { Mate(i8), Centipawns(i32), Unknown }

/// A world without end.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Never {}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Promise { pub never: Option<Never> }
