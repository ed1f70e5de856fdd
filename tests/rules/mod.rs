//! Rules of the workspace: which crates import which, who may call which route, which log lines raise alarms, what the
//! API's document says, and what is stored. These tests read the repository itself.

mod alarms;
mod architecture;
mod given;
mod graph;
mod modules;
mod openapi;
mod requirements;
pub(crate) mod routes;
mod shapes;
mod sources;
mod words;
