//! Models and tensors.
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::marker::PhantomData;
use std::ops::{Bound, RangeInclusive};

pub const CLASSES: usize = 10;
pub const SIDE: u32 = 28;
const PIXELS: usize = (SIDE * SIDE) as usize;
const KERNEL: usize = Conv::<i8>::SIDE;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Tensor<T> {
    pub shape: Vec<usize>,
    pub data: Vec<T>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Quantised {
    pub values: Tensor<i8>,
    pub scale: f32,
    pub zero_point: i8,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Conv<T> {
    pub weights: Vec<Tensor<T>>,
    pub bias: Option<Tensor<i32>>,
    pub strides: [u8; 2],
    pub padding: Padding,
}

impl<T> Conv<T> {
    pub const SIDE: usize = 3;
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Kernel(pub [[f32; KERNEL]; KERNEL]);

#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub enum Padding { Same, Valid, Explicit { top: u16, left: u16 } }

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Dense<W, B = W> { pub weights: Tensor<W>, pub bias: Vec<B> }

#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Layer {
    Conv(Conv<i8>),
    Dense(Dense<i8, i32>),
    Float(Dense<f64>),
    Relu,
    Softmax { axis: i64, temperature: f32 },
    Residual(Vec<Layer>),
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Model {
    pub name: String,
    pub layers: Vec<Layer>,
    pub labels: [String; CLASSES],
    pub metadata: BTreeMap<String, Attribute>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Attribute { Int(i64), Float(f64), Ints(Vec<i64>), Text(String), Graph(Box<Model>) }

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Image {
    #[serde(with = "serde_arrays")]
    pub pixels: [u8; PIXELS],
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Prediction { pub class: u8, pub logits: [f32; CLASSES], pub confidence: f64 }

/// A decision tree.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct DecisionTree<TX, TY> {
    pub nodes: Vec<TreeNode<TX, TY>>,
    pub depth: u16,
    #[serde(skip)]
    marker: PhantomData<(TX, TY)>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum TreeNode<TX, TY> {
    Split { feature: u16, at: TX, left: u32, right: u32 },
    Leaf(TY),
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Forest { pub trees: Vec<DecisionTree<f64, u32>>, pub features: BTreeMap<u16, FeatureRange> }

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct FeatureRange { pub seen: RangeInclusive<i32>, pub low: Bound<i32>, pub high: Bound<i32> }

/// A typed identifier: what it identifies is not on the wire.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(bound = "")]
pub struct Handle<T> { pub index: u32, _of: PhantomData<fn() -> T> }

#[derive(Clone, Debug)]
pub struct Session;

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Handles { pub session: Handle<Session>, pub model: Handle<Model> }

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Typed<T>(u64, PhantomData<T>);

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Wrapped { pub typed: Typed<u8>, pub wrapping: std::num::Wrapping<u32> }

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Percent<T = ()> { value: u8, #[serde(skip)] unit: PhantomData<T> }

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Metrics { pub accuracy: Percent, pub losses: Vec<f32>, pub confusion: [[u32; 3]; 3] }

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Matrix<const ROWS: usize, const COLUMNS: usize> {
    #[serde(with = "serde_big_array::BigArray")]
    pub flat: [f32; ROWS],
    pub last: u8,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Projections { pub query: Matrix<8, 8>, pub value: Matrix<{ 2 * 8 }, 4> }

/// What trait an activation is, only the program knows.
#[derive(Serialize, Deserialize)]
pub struct Pipeline<A: Activation> { pub state: A::State, pub steps: u8 }

pub trait Activation { type State: Serialize + for<'a> Deserialize<'a>; }

pub trait Backend { const LANES: usize; }

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Sample { pub features: Box<[f64]>, pub label: std::cmp::Reverse<u8>, pub weight: std::cell::Cell<f32> }

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Dataset { pub samples: std::collections::VecDeque<Sample>, pub split: Split }

#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub enum Split { Train, Test, Fold { r#in: u8, of: u8 } }
