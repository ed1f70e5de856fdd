//! Time to read a policy and to price an order: `cargo bench -p domain --bench pricing`.
//!
//! Goals: pricing an order of 50 mixed lines within 100 µs, and reading the example vendor's policy within 5 ms. A vendor of
//! 500 products × 30 tiers × 5 currencies shows how both grow.

use divan::{Bencher, counter::ItemsCount};
use domain::{Policy, policy::LineKind};

mod orders;

use orders::{LINES, Mixed, large_vendor, vendor};

fn main() {
    divan::main();
}

/// Reads the vendor's files. A process does this once, before its first response.
#[divan::bench]
fn read_policy(bencher: Bencher<'_, '_>) {
    let files = vendor::files();
    bencher.bench(|| Policy::read(&files).expect("the example vendor is sound"));
}

#[divan::bench(sample_count = 20)]
fn read_large_policy(bencher: Bencher<'_, '_>) {
    let files = large_vendor();
    bencher.bench(|| Policy::read(&files).expect("the large vendor is sound"));
}

/// Prices the lines and computes the taxes.
#[divan::bench]
fn price_50_mixed_lines(bencher: Bencher<'_, '_>) {
    price(bencher, &Mixed::of_the_example());
}

#[divan::bench]
fn price_50_mixed_lines_by_large_policy(bencher: Bencher<'_, '_>) {
    price(bencher, &Mixed::of_a_large_vendor());
}

fn price(bencher: Bencher<'_, '_>, mixed: &Mixed) {
    let offer = mixed.offer();
    assert_eq!((offer.lines.len(), offer.taxes.len()), (LINES, 2));
    assert!(LineKind::ALL.iter().all(|kind| offer.lines.iter().any(|line| line.order.kind == *kind)), "it is mixed");
    bencher.counter(ItemsCount::new(LINES)).bench(|| offer.priced_again(&mixed.policy).expect("prices"));
}

/// Makes the whole offer from the request.
#[divan::bench]
fn offer_50_mixed_lines(bencher: Bencher<'_, '_>) {
    let mixed = Mixed::of_the_example();
    bencher.counter(ItemsCount::new(LINES)).bench(|| mixed.offer());
}
