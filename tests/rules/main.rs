//! What the workspace must be like: who may import whom, who may call what, and what is stored. These tests read the
//! repository itself.
#![allow(clippy::unwrap_used, reason = "in a test, what is not there fails it")]

mod architecture;
mod given;
mod routes;
mod shapes;
mod sources;
