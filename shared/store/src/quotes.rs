//! Quotes, and the payments that settle them.

use std::collections::BTreeSet;

use domain::{
    Quote, QuoteNumber,
    payment::{PaymentId, Receipt},
    quote::Change,
    settlement::Settlement,
};

use crate::{
    Commit, Created, Error, Store,
    item::{self, Item, KIND},
    keys::Key,
};

impl Store {
    /// Creates a quote: one conditional write, no read.
    ///
    /// `Exists` carries the quote that has this number: the answer to a repeated request, or somebody else's.
    pub async fn create_quote(&self, quote: &Quote) -> Result<Created<Quote>, Error> {
        self.create(quote, "PutItem of a quote").await
    }

    /// The quote with this number.
    pub async fn quote(&self, number: &QuoteNumber) -> Result<Option<Quote>, Error> {
        self.load(&Key::quote(number), "GetItem of a quote").await
    }

    /// Commits a change of a quote, if it is still the version that was decided on.
    pub async fn commit(&self, change: &Change) -> Result<Commit, Error> {
        self.replace(&change.next, "PutItem of a quote").await
    }

    /// What is known of a payment, and of the quote that it names: one call.
    pub async fn receipt_and_quote(
        &self,
        payment: &PaymentId,
        number: Option<&QuoteNumber>,
    ) -> Result<(Option<Receipt>, Option<Quote>), Error> {
        let keys: BTreeSet<_> = std::iter::once(Key::receipt(payment)).chain(number.map(Key::quote)).collect();
        let (mut receipt, mut quote) = (None, None);
        for found in self.get_all(&keys, "BatchGetItem of a receipt and a quote").await? {
            match item::text(&found, KIND) {
                Some(Receipt::KIND) => receipt = Some(item::aggregate(&found)?),
                _ => quote = Some(item::aggregate(&found)?),
            }
        }
        Ok((receipt, quote))
    }

    /// Commits what a payment means: the receipt and the quote together, or neither. A settlement without anything to
    /// write is committed already.
    ///
    /// Both in one transaction, because a payment must never be applied to two quotes, nor a refund be parked beside
    /// a payment that has just been applied.
    pub async fn commit_settlement(&self, settlement: &Settlement) -> Result<Commit, Error> {
        const OPERATION: &str = "TransactWriteItems of a receipt and a quote";
        let Settlement { receipt, quote } = settlement;
        let writes = [receipt.as_ref().map(|receipt| self.put(receipt)), quote.as_ref().map(|change| self.put(&change.next))];
        let writes = writes.into_iter().flatten().collect::<Result<Vec<_>, _>>()?;
        if writes.is_empty() {
            return Ok(Commit::Committed);
        }
        self.transact(writes, OPERATION).await
    }
}
