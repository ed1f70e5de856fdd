//! The SDK repeats a write whose response is lost. The repeated write recognises the first: the effect happens once, and the
//! caller learns that it succeeded.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use local::engine::{self, Engine};
use store::{Commit, Created, Store};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

/// A proxy that forwards requests. While `lose` is set, it loses one response: the engine has done the work, and the client's
/// connection breaks.
async fn losing(engine: &str, lose: Arc<AtomicBool>) -> String {
    let upstream = engine.trim_start_matches("http://").to_owned();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        loop {
            let (mut asker, _) = listener.accept().await.unwrap();
            let (upstream, lose) = (upstream.clone(), lose.clone());
            tokio::spawn(async move {
                let mut engine = TcpStream::connect(upstream).await.unwrap();
                let (mut asked, mut answered) = (vec![0; 65_536], vec![0; 65_536]);
                loop {
                    tokio::select! {
                        read = asker.read(&mut asked) => match read {
                            Ok(n) if n > 0 => engine.write_all(&asked[..n]).await.unwrap(),
                            _ => return,
                        },
                        read = engine.read(&mut answered) => match read {
                            // Dropping both ends here breaks the connection.
                            Ok(n) if n > 0 && !lose.swap(false, Ordering::SeqCst) => asker.write_all(&answered[..n]).await.unwrap(),
                            _ => return,
                        },
                    }
                }
            });
        }
    });
    address
}

#[tokio::test]
async fn a_lost_response_neither_repeats_a_write_nor_hides_it() {
    let data = tempfile::tempdir().unwrap();
    let engine = Engine::start(data.path()).await.unwrap();
    let lose = Arc::new(AtomicBool::new(false));
    let store = Store::new(engine::client(&losing(engine.endpoint(), lose.clone()).await).unwrap(), "sellthrough");
    store.create_table().await.unwrap();

    let quote: domain::Quote = serde_json::from_str(include_str!("quote.json")).unwrap();
    lose.store(true, Ordering::SeqCst);
    assert_eq!(store.create_quote(&quote).await.unwrap(), Created::New, "the first write is not taken for another caller's");
    assert!(!lose.load(Ordering::SeqCst), "a response was lost");
    assert!(
        matches!(store.create_quote(&quote).await.unwrap(), Created::Exists(there) if *there == quote),
        "another call finds the existing quote"
    );

    let mut offer = quote.offer.clone();
    offer.request_hash = "another".to_owned();
    let change = quote.revise(offer).unwrap().unwrap();
    lose.store(true, Ordering::SeqCst);
    assert_eq!(store.commit(&change).await.unwrap(), Commit::Committed);
    assert!(!lose.load(Ordering::SeqCst), "a response was lost");
    assert_eq!(store.commit(&change).await.unwrap(), Commit::Conflict, "the version has moved on");
    assert_eq!(store.quote(&quote.number).await.unwrap(), Some(change.next));
    engine.shutdown().await.unwrap();
}
