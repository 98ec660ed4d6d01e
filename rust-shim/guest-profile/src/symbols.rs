//! What the guest's ELF says of an address: the function it lies in, and the source lines and inlined functions there.

use addr2line::gimli::{Dwarf, EndianSlice, LittleEndian, SectionId};
use addr2line::Context;
use object::read::elf::ElfFile32;
use object::{Object, ObjectSection, ObjectSymbol, SectionFlags, SymbolKind};
use rustc_demangle::demangle;

use crate::ElfError;

type Elf<'data> = ElfFile32<'data, object::LittleEndian>;
type Section<'data> = EndianSlice<'data, LittleEndian>;

const EXECUTABLE: u64 = object::elf::SHF_EXECINSTR as u64;

fn parse(elf: &[u8]) -> Result<Elf<'_>, ElfError> {
    Elf::parse(elf).map_err(|error| ElfError(error.to_string()))
}

/// A function of the symbol table.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct FunctionId(u32);

impl FunctionId {
    /// Code under no symbol.
    const UNKNOWN: FunctionId = FunctionId(u32::MAX);
}

struct Function {
    start: u32,
    end: u32,
    name: String,
}

/// The functions of the symbol table by address.
pub struct Symbols {
    functions: Vec<Function>,
}

impl Symbols {
    pub fn of(elf: &[u8]) -> Result<Self, ElfError> {
        let file = parse(elf)?;
        let code: Vec<_> = file
            .sections()
            .filter(|section| matches!(section.flags(), SectionFlags::Elf { sh_flags } if sh_flags & EXECUTABLE != 0))
            .map(|section| (section.address(), section.address() + section.size()))
            .collect();
        let end_of_code = |at: u64| {
            code.iter()
                .find(|(start, end)| (*start..*end).contains(&at))
                .map(|(_, end)| *end)
        };

        let mut found: Vec<(u64, u64, &str)> = file
            .symbols()
            // Functions written in assembly often carry no type; labels start with a dot or a dollar.
            .filter(|symbol| {
                matches!(
                    symbol.kind(),
                    SymbolKind::Text | SymbolKind::Unknown | SymbolKind::Label
                )
            })
            .filter_map(|symbol| {
                let name = symbol
                    .name()
                    .ok()
                    .filter(|name| !name.is_empty() && !name.starts_with(['.', '$']))?;
                end_of_code(symbol.address())?;
                Some((symbol.address(), symbol.size(), name))
            })
            .collect();
        // Of several names for one address the one with a size is the function's own.
        found.sort_by_key(|(address, size, name)| (*address, std::cmp::Reverse(*size), *name));
        found.dedup_by_key(|(address, ..)| *address);

        let ends: Vec<u64> = found
            .iter()
            .enumerate()
            .map(|(index, (address, size, _))| {
                let next = found.get(index + 1).map(|(next, ..)| *next);
                let limit = next
                    .into_iter()
                    .chain(end_of_code(*address))
                    .min()
                    .unwrap_or(u64::MAX);
                if *size == 0 {
                    limit
                } else {
                    address + size
                }
            })
            .collect();
        let functions = found
            .iter()
            .zip(ends)
            .map(|((address, _, name), end)| Function {
                start: *address as u32,
                end: end as u32,
                name: format!("{:#}", demangle(name)),
            })
            .collect();
        Ok(Self { functions })
    }

    #[cfg(test)]
    pub fn from_ranges(ranges: &[(u32, u32, &str)]) -> Self {
        let functions = ranges.iter().map(|&(start, end, name)| Function {
            start,
            end,
            name: name.into(),
        });
        Self {
            functions: functions.collect(),
        }
    }

    /// The function that `pc` lies in.
    pub fn at(&self, pc: u32) -> FunctionId {
        let after = self
            .functions
            .partition_point(|function| function.start <= pc);
        match after.checked_sub(1) {
            Some(index) if pc < self.functions[index].end => FunctionId(index as u32),
            _ => FunctionId::UNKNOWN,
        }
    }

    pub fn name(&self, function: FunctionId) -> &str {
        self.functions
            .get(function.0 as usize)
            .map_or("[unknown]", |function| &function.name)
    }
}

/// A function at an instruction: inlined there, or the one the instruction was compiled into.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct SourceFrame {
    pub name: String,
    pub file: String,
    pub line: u32,
}

/// The debug information of the ELF; empty where it was built without.
pub struct Lines<'data> {
    context: Context<Section<'data>>,
}

impl<'data> Lines<'data> {
    pub fn of(elf: &'data [u8]) -> Result<Self, ElfError> {
        let file = parse(elf)?;
        let load = |id: SectionId| -> Result<Section<'data>, addr2line::gimli::Error> {
            let data = file
                .section_by_name(id.name())
                .and_then(|section| section.data().ok());
            Ok(EndianSlice::new(data.unwrap_or_default(), LittleEndian))
        };
        let context = Dwarf::load(load)
            .and_then(Context::from_dwarf)
            .map_err(|error| ElfError(error.to_string()))?;
        Ok(Self { context })
    }

    /// The functions at `pc`, the innermost inlined one first; at least the one of the symbol table.
    pub fn frames(&self, pc: u32, symbol: &str) -> Vec<SourceFrame> {
        let mut frames = Vec::new();
        let Ok(mut found) = self.context.find_frames(pc.into()).skip_all_loads() else {
            return vec![named(symbol)];
        };
        while let Ok(Some(frame)) = found.next() {
            let name = frame
                .function
                .and_then(|function| function.demangle().ok().map(|name| name.into_owned()));
            let location = frame.location;
            frames.push(SourceFrame {
                name: name.unwrap_or_default(),
                file: location
                    .as_ref()
                    .and_then(|at| at.file)
                    .unwrap_or_default()
                    .to_owned(),
                line: location.and_then(|at| at.line).unwrap_or_default(),
            });
        }
        match frames.last_mut() {
            // Debug information names generic functions less fully than the symbol table does.
            Some(outermost) => outermost.name = symbol.to_owned(),
            None => frames.push(named(symbol)),
        }
        frames.retain(|frame| !frame.name.is_empty());
        frames
    }
}

fn named(symbol: &str) -> SourceFrame {
    SourceFrame {
        name: symbol.to_owned(),
        file: String::new(),
        line: 0,
    }
}
