//! What the workspace must be like: who may import whom, who may call what, and what is stored. These tests read the
//! repository itself.

mod architecture;
mod routes;
mod shapes;
mod sources;
