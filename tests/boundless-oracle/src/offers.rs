use anyhow::Result;
use boundless_market::alloy::primitives::U256;
use boundless_market::alloy::providers::mock::Asserter;
use boundless_market::alloy::providers::ProviderBuilder;
use boundless_market::contracts::pricing::price_at_time;
use boundless_market::contracts::{Offer, Predicate, RequestId, Requirements};
use boundless_market::price_oracle::{Amount, Asset};
use boundless_market::request_builder::{Layer, OfferLayer, OfferLayerConfig, OfferParams};
use risc0_zkvm::Digest;
use serde_json::{json, Value};
use std::time::{SystemTime, UNIX_EPOCH};

use crate::requests::{client, request};

const BASE: u64 = 8453;

pub fn offer() -> Offer {
    Offer {
        minPrice: U256::from(100_000_000_000_000u64),
        maxPrice: U256::from(2_000_000_000_000_000u64),
        rampUpStart: 1_800_000_000,
        rampUpPeriod: 300,
        lockTimeout: 2700,
        timeout: 3600,
        lockCollateral: U256::from(20) * U256::from(10).pow(U256::from(18)),
    }
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock after 1970").as_secs()
}

/// The times that the crate recommends for runs of some lengths, where only the prices are given.
pub async fn suggested() -> Result<Vec<Value>> {
    let requirements = Requirements::new(Predicate::prefix_match(Digest::ZERO, vec![]));
    let id = RequestId::new(client(), 1);
    let mut found = vec![];
    for cycles in [1, 4_242, 1_000_000, 1_000_001, 50_000_000, 2_000_000_000, 5_000_000_000u64] {
        let params: OfferParams = OfferParams::builder()
            .min_price(Amount::new(U256::ZERO, Asset::ETH))
            .max_price(Amount::new(U256::from(1), Asset::ETH))
            .into();
        let (offer, delay) = loop {
            let asserter = Asserter::new();
            asserter.push_success(&format!("{BASE:#x}"));
            let provider = ProviderBuilder::new().connect_mocked_client(asserter);
            let layer = OfferLayer::new(provider, OfferLayerConfig::default());
            let before = now();
            let offer = layer.process((&requirements, &id, Some(cycles), None, &params)).await?;
            if now() == before {
                break (offer.clone(), offer.rampUpStart - before);
            }
        };
        found.push(json!({
            "cycles": cycles, "delay": delay, "ramp_up_period": offer.rampUpPeriod,
            "lock_timeout": offer.lockTimeout, "timeout": offer.timeout,
            "required_khz": offer.required_khz_performance(cycles),
        }));
    }
    Ok(found)
}

/// Offers at the edges of what the market takes, with the crate's own judgement.
pub fn checked() -> Vec<Value> {
    let zero = U256::ZERO;
    let cases = [
        offer(),
        Offer { minPrice: zero, ..offer() },
        Offer { maxPrice: zero, minPrice: zero, ..offer() },
        Offer { minPrice: offer().maxPrice, ..offer() },
        Offer { minPrice: offer().maxPrice + U256::from(1), ..offer() },
        Offer { rampUpStart: 0, ..offer() },
        Offer { rampUpPeriod: 0, ..offer() },
        Offer { rampUpPeriod: 2700, ..offer() },
        Offer { rampUpPeriod: 2701, ..offer() },
        Offer { lockTimeout: 0, rampUpPeriod: 0, ..offer() },
        Offer { lockTimeout: 3600, ..offer() },
        Offer { lockTimeout: 3601, ..offer() },
        Offer { timeout: 0, lockTimeout: 0, rampUpPeriod: 0, ..offer() },
        Offer { timeout: 2700 + (1 << 24) - 1, ..offer() },
        Offer { timeout: 2700 + (1 << 24), ..offer() },
        Offer { lockCollateral: zero, ..offer() },
        Offer { maxPrice: U256::MAX, lockCollateral: U256::MAX, ..offer() },
    ];
    cases
        .into_iter()
        .map(|offer| {
            let mut request = request();
            request.offer = offer.clone();
            json!({"offer": offer, "error": request.validate().err().map(|error| error.to_string())})
        })
        .collect()
}

/// What a prover is paid at some times.
pub fn prices() -> Vec<Value> {
    let instant = Offer { rampUpPeriod: 0, ..offer() };
    let odd = Offer { minPrice: U256::from(1), maxPrice: U256::from(1000), rampUpPeriod: 7, ..offer() };
    let mut found = vec![];
    for offer in [offer(), instant, odd] {
        for since in [-10, 0, 1, 3, 6, 7, 8, 150, 299, 300, 301, 2699, 2700, 2701, 9999i64] {
            let at = offer.rampUpStart.saturating_add_signed(since);
            let price = price_at_time(
                offer.minPrice,
                offer.maxPrice,
                offer.rampUpStart,
                offer.rampUpPeriod,
                offer.lockTimeout,
                at,
            );
            found.push(json!({"offer": offer, "at": at, "price": price}));
        }
    }
    found
}
