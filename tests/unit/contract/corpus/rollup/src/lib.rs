//! A rollup's state transition.
extern crate self as corpus_rollup;

pub mod batch;
pub mod da;
#[path = "proofs_v2.rs"]
pub mod proofs;
pub mod state;

#[cfg(test)]
mod tests {
    #[derive(serde::Serialize)]
    struct NotAsked;
}

pub use batch::header::Header as BatchHeader;
pub use corpus_rollup_types as types;

/// What the guest reads.
#[derive(Debug, serde::Serialize, serde::Deserialize)]
pub struct GuestInput {
    pub chain_id: u64,
    pub parent: BatchHeader,
    pub batch: batch::Batch,
    pub witness: state::Witness,
    pub config: Config,
}

/// What it commits.
#[derive(Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct GuestOutput {
    pub pre_root: types::Hash,
    pub post_root: crate::types::Hash,
    pub withdrawals_root: Option<types::Hash>,
    pub blocks: (types::BlockNumber, types::BlockNumber),
}

#[derive(Clone, Debug, Default, serde::Serialize, serde::Deserialize)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
pub struct Config {
    pub max_batch: usize,
    #[serde(alias = "fee", default = "Config::fee")]
    pub base_fee: u128,
    #[serde(rename = "l1")]
    pub l1_oracle: Option<String>,
}

impl Config {
    fn fee() -> u128 {
        7
    }
}
