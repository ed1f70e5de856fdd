//! What functions request of AWS, counted on the wire.

use std::{
    collections::BTreeMap,
    error::Error,
    io,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinSet,
    time::timeout,
};

/// How long the wire waits for more bytes before it passes on what it has. A function receives a large response in one piece
/// then: in how many it is sent depends on load, and how many instructions it takes to receive depends on that.
const PAUSE: Duration = Duration::from_millis(3);

/// How often each operation of AWS was requested, by its name: `PutItem`.
pub(crate) type Counts = BTreeMap<String, u64>;

/// A count of calls. Clones share it.
#[derive(Clone, Default)]
pub(crate) struct Calls(Arc<Mutex<Counts>>);

impl Calls {
    /// Counts one call.
    pub(crate) fn add(&self, operation: &str) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner).entry(operation.to_owned()).or_default() += 1;
    }

    /// All calls since the last time.
    pub(crate) fn take(&self) -> Counts {
        std::mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Stands between the functions and the table, passes all bytes on, and counts DynamoDB's operations. It is served while
/// this value lives.
pub(crate) struct Wire {
    url: String,
    _serving: JoinSet<()>,
}

impl Wire {
    /// Serves on a free loopback port what is at `endpoint`, an `http` URL with a port.
    pub(crate) async fn to(endpoint: &str, calls: Calls) -> Result<Self, Box<dyn Error>> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let url = format!("http://{}", listener.local_addr()?);
        let address = endpoint.strip_prefix("http://").ok_or("an endpoint without a scheme")?.to_owned();
        let mut serving = JoinSet::new();
        serving.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((client, _)) = listener.accept().await {
                let Ok(server) = TcpStream::connect(&address).await else { continue };
                if client.set_nodelay(true).and(server.set_nodelay(true)).is_err() {
                    continue;
                }
                let (client, server) = (client.into_split(), server.into_split());
                let mut operations = Operations { calls: calls.clone(), last: Vec::new() };
                connections.spawn(pass(client.0, server.1, move |bytes| operations.count(bytes)));
                connections.spawn(pass(server.0, client.1, |_| ()));
            }
        });
        Ok(Self { url, _serving: serving })
    }

    /// What `AWS_ENDPOINT_URL_DYNAMODB` is set to.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }
}

/// Passes bytes on until one side closes the connection, which then is closed at the other side.
async fn pass(mut from: impl AsyncRead + Unpin, mut to: impl AsyncWrite + Unpin, mut see: impl FnMut(&[u8])) {
    let mut bytes = vec![0; 1 << 20];
    let all = async {
        loop {
            let mut length = from.read(&mut bytes).await?;
            if length == 0 {
                return to.shutdown().await;
            }
            while length < bytes.len()
                && let Ok(more) = timeout(PAUSE, from.read(&mut bytes[length..])).await
                && let more @ 1.. = more?
            {
                length += more;
            }
            see(&bytes[..length]);
            to.write_all(&bytes[..length]).await?;
        }
    };
    let _: io::Result<()> = all.await;
}

/// Finds the header that names the operation, in a stream of requests: `x-amz-target: DynamoDB_20120810.PutItem`.
struct Operations {
    calls: Calls,
    /// What may be the beginning of a header that is not yet whole.
    last: Vec<u8>,
}

impl Operations {
    fn count(&mut self, bytes: &[u8]) {
        const TARGET: &[u8] = b"DynamoDB_20120810.";
        self.last.extend_from_slice(bytes);
        let mut read = 0;
        while let Some(at) = find(&self.last[read..], TARGET) {
            let name = read + at + TARGET.len();
            let Some(length) = find(&self.last[name..], b"\r\n") else {
                self.last.drain(..read + at);
                return;
            };
            self.calls.add(&String::from_utf8_lossy(&self.last[name..name + length]));
            read = name + length;
        }
        let kept = (self.last.len() - read).min(TARGET.len() - 1);
        self.last.drain(..self.last.len() - kept);
    }
}

fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    bytes.windows(what.len()).position(|window| window == what)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operations_are_counted_however_the_bytes_are_cut() {
        let stream = b"POST / HTTP/1.1\r\nx-amz-target: DynamoDB_20120810.PutItem\r\n\r\n{}\
            POST / HTTP/1.1\r\nx-amz-target: DynamoDB_20120810.GetItem\r\n\r\n{}\
            POST / HTTP/1.1\r\nx-amz-target: DynamoDB_20120810.PutItem\r\n\r\n{}";
        for size in 1..=stream.len() {
            let calls = Calls::default();
            let mut operations = Operations { calls: calls.clone(), last: Vec::new() };
            stream.chunks(size).for_each(|bytes| operations.count(bytes));
            let counted: Vec<_> = calls.take().into_iter().collect();
            assert_eq!(counted, [("GetItem".to_owned(), 1), ("PutItem".to_owned(), 2)], "in pieces of {size}");
        }
    }
}
