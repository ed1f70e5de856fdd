//! The description of the API, as it is served: for programs, and as a page for people.

/// The OpenAPI document. A test compares it with the routes and with every request and response of the journeys.
pub const OPENAPI: &str = include_str!("../openapi.yaml");

/// The document as one HTML page, which the build script writes.
pub const PAGE: &str = include_str!(concat!(env!("OUT_DIR"), "/docs.html"));
