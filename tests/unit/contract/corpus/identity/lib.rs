//! Credentials, in a folder without a manifest.
pub mod claims;
mod keys;
pub mod policy;

pub use keys::*;
