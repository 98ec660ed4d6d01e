use anyhow::Result;
use boundless_market::alloy::primitives::{aliases::U96, Address, FixedBytes, U256};
use boundless_market::alloy::signers::local::PrivateKeySigner;
use boundless_market::contracts::{Callback, ProofRequest, RequestId, RequestInput, RequestPredicate, Requirements};
use boundless_market::order_stream_client::Order;
use boundless_market::selector::SelectorExt;
use boundless_market::GuestEnv;
use serde_json::{json, to_string_pretty, Value};

use crate::offers::offer;
use crate::predicates;

const MARKET: Address = Address::repeat_byte(0xfd);
const CHAIN: u64 = 8453;

/// A key that everybody knows.
fn signer() -> PrivateKeySigner {
    PrivateKeySigner::from_bytes(&FixedBytes::repeat_byte(1)).expect("a number below the curve's order")
}

pub fn client() -> Address {
    signer().address()
}

fn inline(stdin: &[u8]) -> RequestInput {
    RequestInput::inline(GuestEnv::from_stdin(stdin).encode().expect("a short input"))
}

pub fn request() -> ProofRequest {
    ProofRequest::new(
        RequestId::new(client(), 7),
        Requirements::new(predicates::all()[0].clone()),
        "https://example.com/program.bin",
        inline(&[17, 0, 0, 0, 23, 0, 0, 0]),
        offer(),
    )
}

fn variants() -> Vec<ProofRequest> {
    let mut found: Vec<ProofRequest> = predicates::all()
        .into_iter()
        .map(|predicate| {
            let mut request = request();
            request.requirements.predicate = RequestPredicate::from(predicate);
            request
        })
        .collect();
    let mut variant = |change: &dyn Fn(&mut ProofRequest)| {
        let mut request = request();
        change(&mut request);
        found.push(request);
    };
    variant(&|request| request.input = RequestInput::url("https://example.com/input.bin"));
    variant(&|request| request.input = inline(&[]));
    variant(&|request| request.input = inline(&[0xab; 300]));
    variant(&|request| request.imageUrl = "ipfs://bafkreie5vdnixfaiozgnqdfoev6akghj5ek3jftrsjt7uw2nnuiuegqsyu".into());
    variant(&|request| request.requirements.selector = FixedBytes::from(SelectorExt::groth16_latest() as u32));
    variant(&|request| request.requirements.selector = FixedBytes::from(SelectorExt::set_inclusion_latest() as u32));
    variant(&|request| {
        request.requirements.callback = Callback { addr: Address::repeat_byte(0xca), gasLimit: U96::from(100_000) };
    });
    variant(&|request| {
        request.requirements.callback = Callback { addr: Address::repeat_byte(0xff), gasLimit: U96::MAX };
    });
    variant(&|request| request.id = RequestId::new(client(), u32::MAX).set_smart_contract_signed_flag().into());
    variant(&|request| request.offer.maxPrice = U256::MAX);
    found
}

/// Requests as serde writes them, which it reads again the same from JSON and from YAML, their hashes, and orders.
pub async fn written() -> Result<Vec<Value>> {
    let mut found = vec![];
    for request in variants() {
        request.validate()?;
        let text = serde_json::to_string(&request)?;
        assert_eq!(serde_json::from_str::<ProofRequest>(&text)?, request);
        assert_eq!(serde_yaml::from_str::<ProofRequest>(&text)?, request);
        let signature = request.sign_request(&signer(), MARKET, CHAIN).await?;
        let digest = request.signing_hash(MARKET, CHAIN)?;
        let order = Order::new(request.clone(), digest, signature);
        if !request.is_smart_contract_signed() {
            order.validate(MARKET, CHAIN)?;
        }
        found.push(json!({
            "request": to_string_pretty(&request)?, "market": MARKET, "chain_id": CHAIN, "signing_hash": digest,
            "signature": hex::encode(signature.as_bytes()), "order": to_string_pretty(&order)?,
        }));
    }
    Ok(found)
}

/// Other spellings of one request, all of which serde reads as that request.
pub fn read() -> Value {
    let plain = json!(request());
    let spelt = |change: &dyn Fn(&mut Value)| {
        let mut other = plain.clone();
        change(&mut other);
        assert_eq!(serde_json::from_value::<ProofRequest>(other.clone()).expect("a spelling"), request());
        other
    };
    let others = [
        spelt(&|other| other["offer"]["minPrice"] = json!(100_000_000_000_000u64)),
        spelt(&|other| other["offer"]["maxPrice"] = json!("2000000000000000")),
        spelt(&|other| other["requirements"]["selector"] = json!("00000000")),
        spelt(&|other| {
            let data = other["input"]["data"].as_str().expect("hex text")[2..].to_owned();
            other["input"]["data"] = json!(data);
        }),
        spelt(&|other| other["requirements"]["callback"]["gasLimit"] = json!(0)),
    ];
    json!({"request": plain, "spellings": others})
}

/// IDs and the numbers that they are packed into; null for numbers that are none.
pub fn ids() -> Vec<Value> {
    let packed: U256 = RequestId::new(client(), 7).into();
    let flag = U256::from(1) << 192;
    let numbers = [packed, packed | flag, packed | (flag << 1), packed | (flag << 63), U256::MAX >> 63];
    numbers.into_iter().map(|number| json!({"number": number, "id": RequestId::try_from(number).ok()})).collect()
}
