//! What a decision costs: `cargo bench -p domain --bench pricing`.
//!
//! Pricing an order of 50 mixed lines should stay within 100 µs, and reading the example vendor's policy within 5 ms. A
//! vendor of 500 products × 30 tiers × 5 currencies is read and priced by, to know how that grows.

use divan::{Bencher, counter::ItemsCount};
use domain::{Policy, policy::LineKind};

mod orders;

use orders::{LINES, Mixed, large_vendor, vendor};

fn main() {
    divan::main();
}

/// The vendor's files, from text to a sound policy: once in the life of a process, before its first answer.
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

/// From what is ordered to amounts that explain themselves, and taxes.
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

/// From what was sent to the whole offer.
#[divan::bench]
fn offer_50_mixed_lines(bencher: Bencher<'_, '_>) {
    let mixed = Mixed::of_the_example();
    bencher.counter(ItemsCount::new(LINES)).bench(|| mixed.offer());
}
