//! How fast the local deployment turns payments into licences when many arrive at once (finding A12).
//!
//! Every quote has one line, so a payment is one licence. The payments are reported by signed webhooks over several
//! connections. `cargo bench --workspace --bench burst` measures an optimised build; `-- --payments 200` another number, and
//! `-- --documents` uses the example vendor's real documents instead of a page that is quick to lay out.
#![allow(clippy::print_stdout, reason = "it prints what it measures")]
#![allow(clippy::float_arithmetic, reason = "a rate is an estimate, and not money")]
#![allow(clippy::unwrap_used, reason = "what is not there ends the measurement")]

use std::{
    net::IpAddr,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use domain::pending::Work;
use jiff::Timestamp;
use serde_json::json;
use tests::{NOW, Quote, VENDOR, World, example_of, plain_vendor, stripe, with};
use tokio::task::JoinSet;

/// Connections that report payments at the same time.
const CONNECTIONS: usize = 16;
/// Quotes that one address requests, below the limit of letters for one address.
const QUOTES_OF_AN_ADDRESS: usize = 50;
/// The time between two looks at the pending work.
const LOOK: Duration = Duration::from_millis(20);

/// What a run measured.
struct Figures {
    payments: usize,
    /// From the first webhook to the last webhook's response.
    accepted: Duration,
    /// From the first webhook to the last licence.
    issued: Duration,
    /// From the first webhook to the last letter.
    lettered: Duration,
}

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let value = |name: &str| arguments.iter().position(|one| one == name).and_then(|at| arguments.get(at + 1)?.parse().ok());
    let payments = value("--payments").unwrap_or(1_000);
    let plain = plain_vendor();
    let vendor = if arguments.iter().any(|one| one == "--documents") { VENDOR.into() } else { plain.path().to_owned() };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let Figures { payments, accepted, issued, lettered } = runtime.block_on(burst(payments, vendor));
    let rate = f64::from(u32::try_from(payments).unwrap()) / issued.as_secs_f64();
    println!("payments reported                       {payments} over {CONNECTIONS} connections");
    println!("last webhook answered after             {accepted:.1?}");
    println!("last licence issued after               {issued:.1?}");
    println!("… after its payment was answered        {:.1?}", issued.saturating_sub(accepted));
    println!("last letter sent after                  {lettered:.1?}");
    println!("licences per second                     {rate:.1}");
}

async fn burst(payments: usize, vendor: PathBuf) -> Figures {
    let mut world = World::of_vendor(NOW, vendor).await;
    let quotes = quotes(&world, payments).await;
    while pending(&world, Work::Letters).await {
        tokio::time::sleep(LOOK).await;
    }
    world.deployment().idle().await;

    let url: Arc<str> = format!("{}/webhooks/stripe", world.deployment().url()).into();
    let at: Timestamp = NOW.parse().unwrap();
    let webhook = |quote: &Quote| {
        let body = stripe::Payment::of(quote, NOW).checkout_completed().to_string();
        (stripe::signature(world.deployment().webhook_secret(), at, &body), body)
    };
    let webhooks: Arc<[(String, String)]> = quotes.iter().map(webhook).collect();
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let next = Arc::new(AtomicUsize::new(0));
    let start = Instant::now();
    let mut connections = JoinSet::new();
    for _ in 0..CONNECTIONS {
        let (webhooks, next, http, url) = (webhooks.clone(), next.clone(), http.clone(), url.clone());
        connections.spawn(async move {
            while let Some((signature, body)) = webhooks.get(next.fetch_add(1, Ordering::Relaxed)) {
                let request = http.post(&*url).header("content-type", "application/json").header("stripe-signature", signature);
                assert_eq!(request.body(body.clone()).send().await.unwrap().status(), 200);
            }
        });
    }
    connections.join_all().await;
    let accepted = start.elapsed();
    let mut issued = None;
    loop {
        if issued.is_none() && !pending(&world, Work::Fulfilment).await {
            issued = Some(start.elapsed());
        }
        if issued.is_some() && !pending(&world, Work::Letters).await {
            break;
        }
        tokio::time::sleep(LOOK).await;
    }
    let lettered = start.elapsed();
    for quote in &quotes {
        assert_eq!(world.see(quote).await.0["licenses"].as_array().unwrap().len(), 1, "every payment is a licence");
    }
    world.deployment().idle().await;
    // The letters of so many quotes are not read one by one.
    world.ignore_letters().await;
    world.close().await;
    Figures { payments, accepted, issued: issued.unwrap(), lettered }
}

/// Quotes of one line each, every one for another mailbox.
async fn quotes(world: &World, many: usize) -> Vec<Quote> {
    let order = example_of("tracker-server", 25);
    let mut quotes = Vec::with_capacity(many);
    for first in (0..many).step_by(QUOTES_OF_AN_ADDRESS) {
        let address = IpAddr::from([127, 1, 1, u8::try_from(first / QUOTES_OF_AN_ADDRESS % 250 + 1).unwrap()]);
        let http = reqwest::Client::builder().no_proxy().local_address(address).build().unwrap();
        for number in first..many.min(first + QUOTES_OF_AN_ADDRESS) {
            let order = with(&order, [("/reseller/contact/email", json!(format!("rita@reseller{number}.example")))]);
            let request = http.post(format!("{}/v1/quotes", world.deployment().url())).json(&order);
            let answer = request.send().await.unwrap();
            assert_eq!(answer.status(), 201);
            quotes.push(Quote(answer.json().await.unwrap()));
        }
    }
    quotes
}

/// Whether this work is pending for any quote.
async fn pending(world: &World, work: Work) -> bool {
    !world.deployment().store().waiting(work, Timestamp::MAX, 1).await.unwrap().is_empty()
}
