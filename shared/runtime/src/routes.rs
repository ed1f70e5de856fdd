//! The routes of a function, each with the authority that its handler requires.

use std::{collections::BTreeMap, sync::Arc};

use axum::{
    Router,
    extract::{Request, State},
    handler::Handler,
    middleware::{self, Next},
    response::IntoResponse,
    routing::{self, MethodRouter},
};

use crate::{
    authority::{Authority, SignedWebhook},
    query::{self, Argument},
    reply::{Failure, reads_json, reads_up_to},
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

    /// The query parameters that the arguments read. The route refuses all others.
    fn parameters() -> Vec<&'static str>;
}

macro_rules! authorized {
    ($(($($argument:ident)*))*) => {
        $(
            impl<M, A: Authority, $($argument: Argument),*> Authorized for (M, A, $($argument,)*) {
                const AUTHORITY: &'static str = A::NAME;

                fn parameters() -> Vec<&'static str> {
                    [A::PARAMETERS, $($argument::PARAMETERS),*].concat()
                }
            }
        )*
    };
}

authorized! { () (T1) (T1 T2) (T1 T2 T3) (T1 T2 T3 T4) (T1 T2 T3 T4 T5) }

impl<M, S, Sender> Authorized for (M, State<S>, SignedWebhook<Sender>) {
    const AUTHORITY: &'static str = SignedWebhook::<Sender>::NAME;

    fn parameters() -> Vec<&'static str> {
        SignedWebhook::<Sender>::PARAMETERS.to_vec()
    }
}

/// What is known of a route without calling it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// The method and the path, as `GET /v1/pricing`.
    pub route: String,
    /// The name of the authority that the route requires.
    pub authority: &'static str,
    /// The query parameters that the route accepts.
    pub parameters: Vec<&'static str>,
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
/// let [route] = &routes.table()[..] else { panic!() };
/// assert_eq!((&*route.route, route.authority), ("GET /names/{id}", "Anyone"));
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
    table: BTreeMap<String, Route>,
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
        let (route, parameters) = (format!("{method} {path}"), E::parameters());
        let handler = accepts_only(parameters.clone().into(), handler);
        self.table.insert(route.clone(), Route { route, authority: E::AUTHORITY, parameters });
        Self { router: self.router.route(path, handler), ..self }
    }

    /// Every route, in the order of their texts.
    pub fn table(&self) -> Vec<Route> {
        self.table.values().cloned().collect()
    }

    /// The router that serves the routes with this state.
    pub fn with_state(self, state: Arc<T>) -> Router {
        self.router.with_state(state)
    }
}

/// A route that refuses every query parameter but these, before anything else of the request is read.
fn accepts_only<S: Clone + Send + Sync + 'static>(parameters: Arc<[&'static str]>, route: MethodRouter<S>) -> MethodRouter<S> {
    let check = move |request: Request, next: Next| {
        let checked = query::check(request.uri(), &parameters);
        async move {
            match checked {
                Ok(()) => next.run(request).await,
                Err(refusal) => Failure::from(refusal).into_response(),
            }
        }
    };
    route.route_layer(middleware::from_fn(check))
}
