//! What the workspace must be like: who may import whom, who may call what, who hears of what, what the API's document says,
//! and what is stored. These tests read the repository itself.

mod alarms;
mod architecture;
mod given;
mod graph;
mod modules;
mod openapi;
mod requirements;
mod routes;
mod shapes;
mod sources;
