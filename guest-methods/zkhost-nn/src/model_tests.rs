//! Models that return their first input: what is compared, refused and cleared.

use super::*;
use crate::inference::Hasher;
use crate::program::{Operands, Program};
use crate::workspace::{bytes_mut, Backend};
use crate::{Checked, MAGIC};

/// A host that sends these bytes.
struct Sent<'a>(&'a [u8]);

impl Backend for Sent<'_> {
    fn advise<'m>(
        &mut self,
        _: &Program<'_>,
        _: usize,
        _: impl Fn(usize) -> Checked<Operands<'m>>,
        _: &mut [u32],
    ) -> Checked {
        Err("these models take no advice")
    }

    fn prove(&mut self, _: &Program<'_>, _: &[u32], _: &Operands<'_>) -> Checked {
        Err("these models prove nothing")
    }
}

impl Host for Sent<'_> {
    type Hasher = Unused;

    fn read(&mut self, to: &mut [u32]) -> Checked {
        let (next, left) = self.0.split_at_checked(4 * to.len()).ok_or("the input ends")?;
        bytes_mut(to).copy_from_slice(next);
        self.0 = left;
        Ok(())
    }

    fn commit(&mut self, _: &[u8]) {
        panic!("a model commits nothing");
    }
}

struct Unused;

impl Hasher for Unused {
    fn new() -> Self {
        panic!("a model hashes nothing")
    }
    fn update(&mut self, _: &[u8]) {}
    fn finish(self) -> [u8; 32] {
        [0; 32]
    }
}

/// A plan without operations: inputs of some bytes and dtypes one after the other, the first of which is the output too. The
/// arena has one word more.
fn plan(inputs: &[(u32, u32)]) -> Vec<u32> {
    let mut ports = Vec::new();
    let mut at = 0;
    for (bytes, dtype) in inputs {
        ports.extend([at, *bytes, dtype << 8]);
        at += bytes.next_multiple_of(4);
    }
    ports.extend([0, inputs[0].0, inputs[0].1 << 8]);
    let start = 4 * (12 + ports.len() as u32);
    let end = start.next_multiple_of(16);
    let mut words = vec![MAGIC, 1, end, at + 4, 0, inputs.len() as u32, 1, start, 0, end, 0, 0];
    words.extend(ports);
    words.resize(end as usize / 4, 0);
    words
}

fn refusal(plan: &[u32], inputs: &[Tensor<'_>], sent: &[u8]) -> String {
    Model::new(plan).run_on(inputs, &mut Sent(sent)).err().expect("refused").to_string()
}

#[test]
fn outputs_have_the_elements_and_bytes_of_their_dtype() {
    let words = plan(&[(12, 3)]);
    let (own, mut sent) = ([1.5f32, -2.0, 0.25], Vec::new());
    own.iter().for_each(|value| sent.extend(value.to_le_bytes()));
    let mut model = Model::new(&words);
    let outputs = model.run_on(&[Tensor::from(&own)], &mut Sent(&sent)).unwrap();
    assert_eq!(outputs.get::<f32>(0), own);
    assert_eq!(outputs.bytes(0), sent);
}

#[test]
fn a_run_leaves_nothing_to_the_next() {
    let words = plan(&[(5, 0), (4, 2)]);
    let mut model = Model::new(&words);
    for first in [1u8, 2] {
        let own = [first, 0, 255, 7, 9];
        let mut sent = own.to_vec();
        sent.extend([0, 0, 0, 255, 255, 255, 255]);
        model.arena.fill(u32::MAX * u32::from(first - 1));
        let inputs = [Tensor::from(&own), Tensor::from(&[-1i32])];
        assert_eq!(model.run_on(&inputs, &mut Sent(&sent)).unwrap().get::<u8>(0), own);
        assert_eq!(model.arena.last(), Some(&0));
    }
}

#[test]
fn advice_for_another_input_is_refused_with_its_place() {
    let found = refusal(&plan(&[(5, 0)]), &[Tensor::from(&[1u8, 2, 3, 4, 5])], &[1, 2, 9, 4, 5, 0, 0, 0]);
    assert_eq!(found, "the host computed advice for another input 0 of the model: byte 2 is 9 there and 3 here");
}

#[test]
fn what_fills_an_input_up_is_zero() {
    let found = refusal(&plan(&[(5, 0)]), &[Tensor::from(&[1u8, 2, 3, 4, 5])], &[1, 2, 3, 4, 5, 0, 1, 0]);
    assert_eq!(found, "an input is not filled up with zeros");
}

#[test]
fn inputs_of_another_number_dtype_or_size_are_refused() {
    let words = plan(&[(8, 0)]);
    assert_eq!(refusal(&words, &[], &[]), "the model has 1 inputs, not 0");
    let signed = refusal(&words, &[Tensor::from(&[0i8; 8])], &[0; 8]);
    assert_eq!(signed, "input 0 of the model has 8 bytes of U8, not 8 of S8");
    let long = refusal(&words, &[Tensor::from(&vec![0u8; 9])], &[0; 12]);
    assert_eq!(long, "input 0 of the model has 8 bytes of U8, not 9 of U8");
}

#[test]
fn an_input_that_ends_is_refused() {
    assert_eq!(refusal(&plan(&[(8, 0)]), &[Tensor::from(&[0u8; 8])], &[0; 4]), "the input ends");
}

#[test]
#[should_panic(expected = "output 0 is of F32, not U8")]
fn an_output_is_not_of_another_type() {
    let words = plan(&[(4, 3)]);
    let mut model = Model::new(&words);
    model.run_on(&[Tensor::from(&[0f32])], &mut Sent(&[0; 4])).unwrap().get::<u8>(0);
}

#[test]
#[should_panic(expected = "there is no output 1: the model has 1")]
fn an_output_that_is_not_there() {
    let words = plan(&[(4, 3)]);
    let mut model = Model::new(&words);
    model.run_on(&[Tensor::from(&[0f32])], &mut Sent(&[0; 4])).unwrap().bytes(1);
}

#[test]
#[should_panic(expected = "not a plan")]
fn other_bytes_are_no_plan() {
    Model::new(&[0; 16]);
}

#[test]
fn an_embedded_plan_is_aligned_and_little_endian() {
    static BYTES: &Embedded<[u8]> = &Embedded([1, 0, 0, 0, 2, 1, 0, 0, 9]);
    assert_eq!(BYTES.words(), [1, 0x102]);
    assert_eq!(BYTES.words().as_ptr() as usize % 1024, 0);
}
