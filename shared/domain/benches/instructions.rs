//! The instructions to price an order of 50 mixed lines. This figure does not depend on the machine or on its load. The command
//! is in the README; valgrind counts only the instructions within [`price_once`].

use std::hint::black_box;

use domain::quote::Offer;

mod orders;

use orders::Mixed;

const TIMES: u32 = 100;

fn main() {
    let mixed = Mixed::of_the_example();
    let offer = mixed.offer();
    for _ in 0..TIMES {
        price_once(black_box(&offer), black_box(&mixed));
    }
}

#[inline(never)]
fn price_once(offer: &Offer, mixed: &Mixed) {
    black_box(offer.priced_again(&mixed.policy)).expect("prices");
}
