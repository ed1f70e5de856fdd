//! The worked examples over HTTP, to the minor unit, with the vendor of their reference data (`fixtures/vendor`). The
//! amounts stand here as they stand there; examples whose amounts depend on the rounding policy are run under both.

mod discounts;
mod government;
mod paying;
mod prices;
mod scene;
mod taxes;
mod terms;
