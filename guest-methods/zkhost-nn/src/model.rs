//! A model in a guest of one's own, which decides what it is run on and what is committed of its outputs.
//!
//! ```ignore
//! let mut model = Model::new(zkhost_nn::plan!("../models/digits.plan"));
//! let outputs = model.run(&[Tensor::from(&pixels)], zkhost_guest::read_slice);
//! let logits: Vec<f32> = outputs.get(0);
//! ```
//!
//! For each run the host sends the inputs again, then the accelerator's advice. What it sends proves nothing by itself:
//! inputs are compared with the guest's, and advice is checked as in every plan.

use alloc::{vec, vec::Vec};
use core::fmt;

use crate::inference::Host;
use crate::plan::{DType, Plan};
use crate::workspace::{bytes, Workspace};
use crate::{run, Error};

/// A plan as a guest holds it: `plan!` makes it. Aligned to a page of the zkVM, so that its cost does not depend on its place.
#[repr(C, align(1024))]
pub struct Embedded<T: ?Sized>(pub T);

impl Embedded<[u8]> {
    /// The plan's words; a rest of less than one is left out, and then its length does not fit.
    pub const fn words(&self) -> &[u32] {
        // SAFETY: the bytes are aligned as pages are, so many words of them are initialised, and any bytes are words.
        unsafe { core::slice::from_raw_parts(self.0.as_ptr().cast(), self.0.len() / 4) }
    }
}

/// The words of a plan file, which becomes part of the guest and so of its image ID. The path is that of `include_bytes!`.
#[macro_export]
macro_rules! plan {
    ($path:expr $(,)?) => {{
        static PLAN: &$crate::Embedded<[u8]> = &$crate::Embedded(*include_bytes!($path));
        PLAN.words()
    }};
}

/// A type of elements that tensors have.
pub trait Element: Copy + sealed::Sealed {
    const DTYPE: DType;
    /// One element, little-endian; `bytes` has as many as it takes.
    fn read(bytes: &[u8]) -> Self;
}

mod sealed {
    /// Types whose every byte is initialised.
    pub trait Sealed {}
}

macro_rules! element {
    ($($type:ty: $dtype:ident),*) => {$(
        impl sealed::Sealed for $type {}
        impl Element for $type {
            const DTYPE: DType = DType::$dtype;
            fn read(bytes: &[u8]) -> Self {
                Self::from_le_bytes(bytes.try_into().expect("as many bytes as an element has"))
            }
        }
    )*};
}
element!(u8: U8, i8: S8, i32: S32, f32: F32, f64: F64);

/// An input's elements, row-major.
#[derive(Clone, Copy, Debug)]
pub struct Tensor<'a> {
    dtype: DType,
    bytes: &'a [u8],
}

impl<'a, T: Element> From<&'a [T]> for Tensor<'a> {
    fn from(elements: &'a [T]) -> Self {
        // SAFETY: elements are numbers without padding, and bytes have no alignment.
        let bytes = unsafe { core::slice::from_raw_parts(elements.as_ptr().cast(), size_of_val(elements)) };
        Self { dtype: T::DTYPE, bytes }
    }
}

impl<'a, T: Element, const N: usize> From<&'a [T; N]> for Tensor<'a> {
    fn from(elements: &'a [T; N]) -> Self {
        Self::from(elements.as_slice())
    }
}

impl<'a, T: Element> From<&'a Vec<T>> for Tensor<'a> {
    fn from(elements: &'a Vec<T>) -> Self {
        Self::from(elements.as_slice())
    }
}

/// A plan with the memory it runs in.
pub struct Model<'p> {
    plan: Plan<'p>,
    arena: Vec<u32>,
    workspace: Workspace,
    used: bool,
}

impl<'p> Model<'p> {
    /// The model of a plan.
    ///
    /// # Panics
    /// If the words are not a plan.
    pub fn new(plan: &'p [u32]) -> Self {
        let plan = Plan::new(plan).unwrap_or_else(|error| panic!("{error}"));
        let arena = vec![0; plan.arena_bytes() as usize / 4];
        Self { plan, arena, workspace: Workspace::new(), used: false }
    }

    /// Runs the model. `read` fills a slice with what is next in the guest's input: `zkhost_guest::read_slice`, or
    /// `env::read_slice` in a guest that reads with `env`. What it reads is what `zkhost.ml.Model.advice` returns.
    ///
    /// # Panics
    /// If the inputs are not the model's in number, dtype or size, if the host's advice is for other inputs, and where the
    /// model has no result.
    #[cfg(target_os = "zkvm")]
    pub fn run(&mut self, inputs: &[Tensor<'_>], mut read: impl FnMut(&mut [u8])) -> Outputs<'_> {
        let read = |words: &mut [u32]| read(crate::workspace::bytes_mut(words));
        let mut accelerator = crate::zkvm::Accelerator(read, |_: &[u8]| {});
        self.run_on(inputs, &mut accelerator).unwrap_or_else(|refusal| panic!("{refusal}"))
    }

    pub(crate) fn run_on(&mut self, inputs: &[Tensor<'_>], host: &mut impl Host) -> Result<Outputs<'_>, Refusal> {
        if inputs.len() != self.plan.inputs() as usize {
            return Err(Refusal::Count { expected: self.plan.inputs(), found: inputs.len() });
        }
        if self.used {
            self.arena[self.plan.kept_bytes() as usize / 4..].fill(0);
        }
        self.used = true;
        for (index, input) in (0..).zip(inputs) {
            self.take(index, input, host)?;
        }
        run(&self.plan, &mut self.arena, &mut self.workspace, host)?;
        Ok(Outputs { plan: &self.plan, arena: &self.arena })
    }

    /// Reads an input as the host has it, where the plan wants it, and compares it with the guest's.
    fn take(&mut self, index: u32, input: &Tensor<'_>, host: &mut impl Host) -> Result<(), Refusal> {
        let port = self.plan.port(index);
        if (port.dtype, port.bytes as usize) != (input.dtype, input.bytes.len()) {
            let expected = (port.dtype, port.bytes as usize);
            return Err(Refusal::Input { index, expected, found: (input.dtype, input.bytes.len()) });
        }
        let tensor = self.plan.words(&port, &mut self.arena);
        host.read(tensor).map_err(|reason| Error { operation: None, reason })?;
        let (sent, padding) = bytes(tensor).split_at(input.bytes.len());
        if sent != input.bytes {
            let byte = sent.iter().zip(input.bytes).position(|(sent, own)| sent != own).expect("they differ");
            return Err(Refusal::Advice { index, byte, sent: sent[byte], own: input.bytes[byte] });
        }
        if padding.iter().any(|byte| *byte != 0) {
            return Err(Error { operation: None, reason: "an input is not filled up with zeros" }.into());
        }
        Ok(())
    }
}

/// What a run left: the outputs, in the model's order.
pub struct Outputs<'m> {
    plan: &'m Plan<'m>,
    arena: &'m [u32],
}

impl Outputs<'_> {
    /// An output's elements, row-major: labels and indices are i32, a bool is a u8.
    ///
    /// # Panics
    /// If there is no such output, or its elements are of another type.
    pub fn get<T: Element>(&self, index: u32) -> Vec<T> {
        let dtype = self.plan.port(self.place(index)).dtype;
        assert!(dtype == T::DTYPE, "output {index} is of {dtype:?}, not {:?}", T::DTYPE);
        self.bytes(index).chunks_exact(size_of::<T>()).map(T::read).collect()
    }

    /// An output's bytes, little-endian.
    ///
    /// # Panics
    /// If there is no such output.
    pub fn bytes(&self, index: u32) -> &[u8] {
        self.plan.output(&self.plan.port(self.place(index)), self.arena)
    }

    fn place(&self, index: u32) -> u32 {
        let count = self.plan.outputs();
        assert!(index < count, "there is no output {index}: the model has {count}");
        self.plan.inputs() + index
    }
}

/// Why a model did not run.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    Count { expected: u32, found: usize },
    Input { index: u32, expected: (DType, usize), found: (DType, usize) },
    Advice { index: u32, byte: usize, sent: u8, own: u8 },
    Plan(Error),
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        Self::Plan(error)
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Count { expected, found } => write!(f, "the model has {expected} inputs, not {found}"),
            Self::Input { index, expected, found } => write!(
                f,
                "input {index} of the model has {} bytes of {:?}, not {} of {:?}",
                expected.1, expected.0, found.1, found.0
            ),
            Self::Advice { index, byte, sent, own } => write!(
                f,
                "the host computed advice for another input {index} of the model: byte {byte} is {sent} there and {own} here"
            ),
            Self::Plan(error) => write!(f, "{error}"),
        }
    }
}

#[cfg(test)]
#[path = "model_tests.rs"]
mod tests;
