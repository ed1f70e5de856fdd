//! The routes of a function, each with the authority that its handler requires.

use std::{collections::BTreeMap, sync::Arc};

use axum::{
    Router,
    extract::State,
    handler::Handler,
    routing::{self, MethodRouter},
};

use crate::{
    authority::{Authority, SignedWebhook},
    reply::{reads_json, reads_up_to},
};

/// The extractors of a handler that begins with an [`Authority`]. This is a rule about types: such a handler cannot run for a
/// request without the authority.
///
/// The one exception is a handler of exactly [`State`] and [`SignedWebhook`]: the framework reads the body last.
#[diagnostic::on_unimplemented(
    message = "a handler's first argument must be the authority that the route requires of its caller",
    note = "the types in `runtime::authority` are these authorities; `Anyone` is for a route that reads only published data"
)]
pub trait Authorized {
    /// The name of the authority.
    const AUTHORITY: &'static str;
}

macro_rules! authorized {
    ($(($($argument:ident)*))*) => {
        $(
            impl<M, A: Authority, $($argument),*> Authorized for (M, A, $($argument,)*) {
                const AUTHORITY: &'static str = A::NAME;
            }
        )*
    };
}

authorized! { () (T1) (T1 T2) (T1 T2 T3) (T1 T2 T3 T4) (T1 T2 T3 T4 T5) }

impl<M, S, Sender> Authorized for (M, State<S>, SignedWebhook<Sender>) {
    const AUTHORITY: &'static str = SignedWebhook::<Sender>::NAME;
}

/// The routes of a function whose handlers share the state `T`. A route is a method, a path and a handler whose first argument
/// is an [`Authority`]; no other handler compiles:
///
/// ```
/// # use runtime::{Reply, Routes, authority::Anyone};
/// # use axum::{Json, extract::{Path, State}, response::IntoResponse};
/// # use std::sync::Arc;
/// async fn name(_: Anyone, State(vendor): State<Arc<String>>, Path(id): Path<String>) -> Reply {
///     Ok(Json((vendor, id)).into_response())
/// }
/// let routes = Routes::<String>::new().get("/names/{id}", name);
/// assert_eq!(routes.table(), [("GET /names/{id}".to_owned(), "Anyone")]);
/// ```
///
/// A handler without an authority:
///
/// ```compile_fail,E0277
/// # use runtime::{Reply, Routes, authority::Anyone};
/// # use axum::{Json, extract::{Path, State}, response::IntoResponse};
/// # use std::sync::Arc;
/// async fn name(State(vendor): State<Arc<String>>, Path(id): Path<String>) -> Reply {
///     Ok(Json((vendor, id)).into_response())
/// }
/// let routes = Routes::<String>::new().get("/names/{id}", name);
/// ```
///
/// A handler that has another argument before the authority:
///
/// ```compile_fail,E0277
/// # use runtime::{Reply, Routes, authority::Anyone};
/// # use axum::{Json, extract::{Path, State}, response::IntoResponse};
/// # use std::sync::Arc;
/// async fn name(State(vendor): State<Arc<String>>, _: Anyone, Path(id): Path<String>) -> Reply {
///     Ok(Json((vendor, id)).into_response())
/// }
/// let routes = Routes::<String>::new().get("/names/{id}", name);
/// ```
///
/// A handler that ignores whether the caller has the authority:
///
/// ```compile_fail,E0277
/// # use runtime::{Reply, Routes, authority::Anyone};
/// # use axum::{Json, extract::{Path, State}, response::IntoResponse};
/// # use std::{convert::Infallible, sync::Arc};
/// async fn name(_: Result<Anyone, Infallible>, State(vendor): State<Arc<String>>, Path(id): Path<String>) -> Reply {
///     Ok(Json((vendor, id)).into_response())
/// }
/// let routes = Routes::<String>::new().get("/names/{id}", name);
/// ```
///
/// An authority that another crate defines:
///
/// ```compile_fail,E0277
/// struct Friend;
/// impl runtime::authority::Authority for Friend {
///     const NAME: &'static str = "Friend";
/// }
/// ```
pub struct Routes<T> {
    router: Router<Arc<T>>,
    table: BTreeMap<String, &'static str>,
}

impl<T: Send + Sync + 'static> Routes<T> {
    /// No routes.
    #[expect(clippy::new_without_default, reason = "a function without routes has no use")]
    pub fn new() -> Self {
        Self { router: Router::new(), table: BTreeMap::new() }
    }

    /// Adds `GET path`.
    pub fn get<E: Authorized + 'static>(self, path: &str, handler: impl Handler<E, Arc<T>>) -> Self {
        self.with::<E>("GET", path, routing::get(handler))
    }

    /// Adds `POST path`, whose body is JSON.
    pub fn post<E: Authorized + 'static>(self, path: &str, handler: impl Handler<E, Arc<T>>) -> Self {
        self.with::<E>("POST", path, reads_json(routing::post(handler)))
    }

    /// Adds `POST path`, with another limit than [`MAX_BODY_BYTES`](crate::reply::MAX_BODY_BYTES) for its body. The handler
    /// checks the media type of the body.
    pub fn post_up_to<E: Authorized + 'static>(self, bytes: usize, path: &str, handler: impl Handler<E, Arc<T>>) -> Self {
        self.with::<E>("POST", path, reads_up_to(bytes, routing::post(handler)))
    }

    /// Adds `PUT path`, whose body is JSON.
    pub fn put<E: Authorized + 'static>(self, path: &str, handler: impl Handler<E, Arc<T>>) -> Self {
        self.with::<E>("PUT", path, reads_json(routing::put(handler)))
    }

    /// Adds `PUT path`, whose body is JSON, with another limit than [`MAX_BODY_BYTES`](crate::reply::MAX_BODY_BYTES) for its body.
    pub fn put_up_to<E: Authorized + 'static>(self, bytes: usize, path: &str, handler: impl Handler<E, Arc<T>>) -> Self {
        self.with::<E>("PUT", path, reads_up_to(bytes, reads_json(routing::put(handler))))
    }

    fn with<E: Authorized>(mut self, method: &str, path: &str, handler: MethodRouter<Arc<T>>) -> Self {
        self.table.insert(format!("{method} {path}"), E::AUTHORITY);
        Self { router: self.router.route(path, handler), ..self }
    }

    /// Each route, as `METHOD /path`, with the name of the authority that it requires; in the order of their texts.
    pub fn table(&self) -> Vec<(String, &'static str)> {
        self.table.iter().map(|(route, authority)| (route.clone(), *authority)).collect()
    }

    /// The router that serves the routes with this state.
    pub fn with_state(self, state: Arc<T>) -> Router {
        self.router.with_state(state)
    }
}
