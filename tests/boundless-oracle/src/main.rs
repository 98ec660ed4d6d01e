//! Writes the vectors of tests/unit/boundless: what boundless-market makes of the same values. Every value is fixed, so
//! that the same crate writes the same file:
//!
//!     cargo run --quiet > ../unit/boundless/vectors.json
//!
//! tests/e2e/test_boundless_oracle.py, marked slow, compares that file with what is written today.

mod fulfillments;
mod guest_envs;
mod offers;
mod predicates;
mod requests;

use anyhow::Result;
use serde_json::{json, to_string_pretty, Value};
use tokio::runtime::Builder;

fn main() -> Result<()> {
    let vectors = Builder::new_current_thread().enable_all().build()?.block_on(vectors())?;
    println!("{}", to_string_pretty(&vectors)?);
    Ok(())
}

async fn vectors() -> Result<Value> {
    Ok(json!({
        "guest_envs": guest_envs::written()?,
        "guest_envs_read": guest_envs::read(),
        "offers": offers::suggested().await?,
        "offers_checked": offers::checked(),
        "prices": offers::prices(),
        "predicates": predicates::evaluated(),
        "requests": requests::written().await?,
        "requests_read": requests::read(),
        "request_ids": requests::ids(),
        "fulfillments": fulfillments::written()?,
    }))
}
