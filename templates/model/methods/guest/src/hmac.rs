//! HMAC (RFC 2104) with SHA-256, which is a circuit of its own in the zkVM: some 70 cycles for 64 bytes.

use risc0_zkvm::sha::rust_crypto::{Digest, Sha256};

/// The tag of a message. A key of 32 bytes is filled up with zeros to SHA-256's block of 64.
pub fn sha256(key: &[u8; 32], message: &[u8]) -> [u8; 32] {
    let padded = |byte: u8| {
        let mut block = [byte; 64];
        block
            .iter_mut()
            .zip(key)
            .for_each(|(block, key)| *block ^= key);
        block
    };
    let inner = Sha256::new()
        .chain_update(padded(0x36))
        .chain_update(message)
        .finalize();
    Sha256::new()
        .chain_update(padded(0x5c))
        .chain_update(inner)
        .finalize()
        .into()
}
