//! One client's connection: HTTP/1.1 as a rule, and raw TCP when a fault asks for it.

use std::convert::Infallible;

use axum::{Extension, Router};
use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio::sync::mpsc;

/// How a request's handler takes the connection away from HTTP.
#[derive(Clone)]
pub(crate) struct Wire {
    orders: mpsc::Sender<Order>,
}

/// How a connection ends that was taken away from HTTP.
#[derive(Debug)]
pub(crate) enum Order {
    /// With these bytes, which may be none, and then an orderly close.
    Write(Vec<u8>),
    /// With a TCP reset.
    Reset,
}

impl Wire {
    /// Ends the connection as ordered. The caller is dropped with it, so this never returns.
    pub(crate) async fn hand_over(self, order: Order) -> Infallible {
        // Fails only if the connection has ended already.
        let _ = self.orders.send(order).await;
        std::future::pending().await
    }
}

/// Serves one connection until either side ends it.
pub(crate) async fn serve(stream: TcpStream, app: Router) {
    // Small answers would otherwise wait for the client's acknowledgement; not worth failing for.
    let _ = stream.set_nodelay(true);
    let (orders, mut ordered) = mpsc::channel(1);
    let service = TowerToHyperService::new(app.layer(Extension(Wire { orders })));
    let mut http =
        http1::Builder::new().auto_date_header(false).serve_connection(TokioIo::new(stream), service);
    let order = tokio::select! {
        Some(order) = ordered.recv() => order,
        // A client that breaks off is nothing to report.
        _ = &mut http => return,
    };
    let mut stream = http.into_parts().io.into_inner();
    match order {
        Order::Reset => {
            let _ = stream.set_zero_linger();
        }
        Order::Write(bytes) => {
            // The client may be gone, which is as good an end.
            if stream.write_all(&bytes).await.is_ok() {
                let _ = stream.shutdown().await;
            }
        }
    }
}
