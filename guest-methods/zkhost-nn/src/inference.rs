//! What a proof states: a plan run on one input or many, or how many of many inputs it classifies rightly. The order in
//! which everything is read, and the layout of the journal, are here, for the guest and for the host alike.
//!
//! Input: the kind (0 inference, 1 accuracy) and the number of samples; for an accuracy how many must be right. Then salts of
//! 32 bytes: an inference has one for each hashed input, then output; an accuracy one for each hashed input that is shared,
//! then one for the dataset. Then the shared inputs. Then each sample: its inputs, for an accuracy the class it has, and
//! the advice for it. Every tensor is filled up with zeros to whole words.
//!
//! Journal of an inference, in words: version 1 | kind << 8 | 1 << 16 where the plan was read; the plan's digest (8 words)
//! where it was read; the number of samples; inputs | outputs << 16; for each input, then output: mode | dtype << 8 | shared << 16,
//! and the bytes of one where it is public, 0 where not. Then what is shown: public shared inputs; for each sample its public
//! inputs, then outputs; the digests of hashed inputs, then outputs.
//!
//! Journal of an accuracy: the same up to the number of samples; how many are right at least; the number of shared inputs, and
//! those as above. Then what is shown: public shared inputs; digests of hashed ones; the digest of the dataset.
//!
//! A digest is the SHA-256 of a salt and the tensor, of all samples one after the other; that of a dataset is over each
//! sample's inputs and class.

use alloc::{boxed::Box, vec, vec::Vec};

use crate::plan::{DType, Mode, Plan, Port};
use crate::workspace::{bytes, bytes_mut, Backend, Workspace};
use crate::{run, Checked, Error};

const VERSION: u32 = 1;
const SALT_WORDS: usize = 8;

/// SHA-256.
pub trait Hasher {
    fn new() -> Self;
    fn update(&mut self, data: &[u8]);
    fn finish(self) -> [u8; 32];
}

/// Where input comes from and where the journal goes.
pub trait Host: Backend {
    type Hasher: Hasher;

    /// Fills `to` with what is next in the input.
    fn read(&mut self, to: &mut [u32]) -> Checked;

    /// Appends to the journal.
    fn commit(&mut self, data: &[u8]);

    /// An output of a sample, shown or not.
    fn output(&mut self, _: &[u8]) {}
}

/// Runs a plan as the input says. `model` is the plan's digest where the plan was read.
pub fn infer(plan: &Plan<'_>, model: Option<[u8; 32]>, host: &mut impl Host) -> Result<(), Error> {
    let mut head = [0; 2];
    host.read(&mut head).map_err(refused)?;
    let [kind, count] = head;
    if count == 0 {
        return Err(refused("no samples"));
    }
    commit(host, &[VERSION | kind << 8 | u32::from(model.is_some()) << 16]);
    if let Some(digest) = model {
        host.commit(&digest);
    }
    commit(host, &[count]);
    match kind {
        0 => inference(plan, count, host),
        1 => accuracy(plan, count, host),
        _ => Err(refused("no such kind of proof")),
    }
}

fn refused(reason: &'static str) -> Error {
    Error { operation: None, reason }
}

fn commit(host: &mut impl Host, words: &[u32]) {
    host.commit(bytes(words));
}

struct Run<'p, H> {
    plan: &'p Plan<'p>,
    host: &'p mut H,
    arena: Vec<u32>,
    workspace: Workspace,
}

/// An input or output, with what makes its digest where it is hashed.
struct Shown<H> {
    port: Port,
    hasher: Option<Box<H>>,
}

fn inference<H: Host>(plan: &Plan<'_>, count: u32, host: &mut H) -> Result<(), Error> {
    let (inputs, outputs) = (plan.inputs(), plan.outputs());
    commit(host, &[inputs | outputs << 16]);
    let mut all = shown((0..inputs + outputs).map(|index| plan.port(index)).collect(), host).map_err(refused)?;
    let (inputs, outputs) = all.split_at_mut(inputs as usize);
    let mut run = Run::new(plan, host);
    for input in inputs.iter_mut().filter(|input| input.port.shared) {
        run.take(input).map_err(refused)?;
    }
    for sample in 0..count {
        run.begin(sample);
        for input in inputs.iter_mut().filter(|input| !input.port.shared) {
            run.take(input).map_err(refused)?;
        }
        run.operations()?;
        for output in outputs.iter_mut() {
            run.show(output);
        }
    }
    digests(all, host);
    Ok(())
}

#[inline(never)]
fn accuracy<H: Host>(plan: &Plan<'_>, count: u32, host: &mut H) -> Result<(), Error> {
    let mut least = [0];
    host.read(&mut least).map_err(refused)?;
    let ports = |shared| {
        let all = (0..plan.inputs()).map(|index| plan.port(index));
        all.filter(|port| port.shared == shared).collect::<Vec<_>>()
    };
    let (shared, inputs) = (ports(true), ports(false));
    if shared.iter().any(|port| port.mode == Mode::Private) {
        return Err(refused("an accuracy of weights that nothing commits to"));
    }
    commit(host, &[least[0], shared.len() as u32]);
    let mut shared = shown(shared, host).map_err(refused)?;
    let mut dataset = salted(host).map_err(refused)?;
    let mut run = Run::new(plan, host);
    for input in &mut shared {
        run.take(input).map_err(refused)?;
    }
    let mut right = 0;
    for sample in 0..count {
        run.begin(sample);
        for port in &inputs {
            let tensor = plan.words(port, &mut run.arena);
            read_tensor(run.host, port, tensor).map_err(refused)?;
            dataset.update(bytes(tensor));
        }
        let mut label = [0];
        run.host.read(&mut label).map_err(refused)?;
        dataset.update(bytes(&label));
        run.operations()?;
        let port = plan.port(plan.inputs());
        let output = plan.output(&port, &run.arena);
        right += u32::from(class(port.dtype, output).map_err(refused)? == label[0]);
        run.host.output(output);
    }
    if right < least[0] {
        return Err(refused("fewer samples are classified rightly"));
    }
    digests(shared, host);
    host.commit(&dataset.finish());
    Ok(())
}

/// Commits the table of ports, and reads the salts of hashed ones.
fn shown<H: Host>(ports: Vec<Port>, host: &mut H) -> Checked<Vec<Shown<H::Hasher>>> {
    for port in &ports {
        commit(host, &[port.kind(), if port.mode == Mode::Public { port.bytes } else { 0 }]);
    }
    let mut all = Vec::with_capacity(ports.len());
    for port in ports {
        let hasher = if port.mode == Mode::Hashed { Some(Box::new(salted(host)?)) } else { None };
        all.push(Shown { port, hasher });
    }
    Ok(all)
}

/// A hasher that has a salt from the input.
fn salted<H: Host>(host: &mut H) -> Checked<H::Hasher> {
    let mut salt = [0; SALT_WORDS];
    host.read(&mut salt)?;
    let mut hasher = H::Hasher::new();
    hasher.update(bytes(&salt));
    Ok(hasher)
}

fn digests<H: Host>(all: Vec<Shown<H::Hasher>>, host: &mut H) {
    for hasher in all.into_iter().filter_map(|each| each.hasher) {
        host.commit(&(*hasher).finish());
    }
}

impl<'p, H: Host> Run<'p, H> {
    /// What is long lies behind what is short, so that a small model touches few pages.
    fn new(plan: &'p Plan<'p>, host: &'p mut H) -> Self {
        Self { plan, host, arena: vec![0; plan.arena_bytes() as usize / 4], workspace: Workspace::new() }
    }

    fn operations(&mut self) -> Result<(), Error> {
        run(self.plan, &mut self.arena, &mut self.workspace, self.host)
    }

    /// Memory as it is before the first sample, so that no sample depends on another.
    fn begin(&mut self, sample: u32) {
        if sample > 0 {
            self.arena[self.plan.kept_bytes() as usize / 4..].fill(0);
        }
    }

    /// Reads an input.
    fn take(&mut self, input: &mut Shown<H::Hasher>) -> Checked {
        let tensor = self.plan.words(&input.port, &mut self.arena);
        read_tensor(self.host, &input.port, tensor)?;
        match &mut input.hasher {
            Some(hasher) => hasher.update(bytes(tensor)),
            None if input.port.mode == Mode::Public => self.host.commit(bytes(tensor)),
            None => {}
        }
        Ok(())
    }

    fn show(&mut self, output: &mut Shown<H::Hasher>) {
        let data = self.plan.output(&output.port, &self.arena);
        let padding = &[0u8; 3][..data.len().next_multiple_of(4) - data.len()];
        match &mut output.hasher {
            Some(hasher) => {
                hasher.update(data);
                hasher.update(padding);
            }
            None => {
                self.host.commit(data);
                self.host.commit(padding);
            }
        }
        self.host.output(data);
    }
}

/// A tensor has one form: what fills it up to whole words is zero.
fn read_tensor(host: &mut impl Host, port: &Port, tensor: &mut [u32]) -> Checked {
    host.read(tensor)?;
    if bytes_mut(tensor)[port.bytes as usize..].iter().any(|byte| *byte != 0) {
        return Err("an input is not filled up with zeros");
    }
    Ok(())
}

/// What an output says that a sample is: one integer is the class itself; of several values the first of the largest is it.
fn class(dtype: DType, output: &[u8]) -> Checked<u32> {
    let (words, _) = output.as_chunks::<4>();
    match dtype {
        DType::U8 if output.len() == 1 => Ok(output[0].into()),
        DType::S8 if output.len() == 1 => Ok(i32::from(output[0] as i8) as u32),
        DType::S32 if words.len() == 1 => Ok(u32::from_le_bytes(words[0])),
        DType::U8 => first_largest(output.iter().copied()),
        DType::S8 => first_largest(output.iter().map(|byte| *byte as i8)),
        DType::S32 => first_largest(words.iter().map(|word| i32::from_le_bytes(*word))),
        DType::F32 => first_largest(words.iter().map(|word| f32::from_le_bytes(*word))),
        DType::F64 => first_largest(output.as_chunks::<8>().0.iter().map(|pair| f64::from_le_bytes(*pair))),
    }
}

fn first_largest<T: PartialOrd + Copy>(values: impl Iterator<Item = T>) -> Checked<u32> {
    let mut best: Option<(u32, T)> = None;
    for (index, value) in (0..).zip(values) {
        if value.partial_cmp(&value).is_none() {
            return Err("a NaN has no place in an order");
        }
        if best.is_none_or(|(_, largest)| value > largest) {
            best = Some((index, value));
        }
    }
    best.map(|(index, _)| index).ok_or("an output without values is no class")
}
