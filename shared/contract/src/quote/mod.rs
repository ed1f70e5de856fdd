//! `POST /v1/quotes` and its response.

mod line;
mod method;
mod request;
mod view;

pub use line::{LineView, NoteView, StepView};
pub use method::{MethodView, ReasonView};
pub use request::QuoteBody;
pub(crate) use request::contact;
pub use view::{AcceptedView, CustomerView, EntitlementView, LinksView, PaymentView, QuoteView, TaxNoteView, TaxView};
