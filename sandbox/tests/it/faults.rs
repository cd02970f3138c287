//! Each way to misbehave.

use std::io::ErrorKind;

use serde_json::{Value, json};
use tokio::io::AsyncReadExt as _;

use crate::client::{Harness, LOGIN, ME, jwt};

#[tokio::test]
async fn a_status_is_given_as_often_as_asked_and_nothing_is_minted() {
    let sandbox = Harness::new().await;
    sandbox
        .fault(&json!({"path": LOGIN, "status": 429, "retry_after": "rand(30),add(30)", "times": 2}))
        .await;
    for _ in 0..2 {
        let answer = sandbox.login("1").await.unwrap();
        assert_eq!(answer.status, 429);
        assert_eq!(answer.headers["retry-after"], "rand(30),add(30)");
        assert_eq!(answer.json()["trackingId"], answer.headers["trackingid"]);
    }
    assert_eq!(sandbox.state("mints").await, 0);
    assert_eq!(sandbox.login("1").await.unwrap().status, 200);
    assert_eq!(sandbox.state("logins").await, 3);
}

#[tokio::test]
async fn a_lost_answer_can_still_have_minted() {
    let sandbox = Harness::new().await;
    sandbox.fault(&json!({"status": 502, "mint": true})).await;
    assert_eq!(sandbox.login("1").await.unwrap().status, 502);
    assert_eq!(sandbox.state("mints").await, 1);
}

#[tokio::test]
async fn bodies_types_and_headers_are_sent_verbatim() {
    let sandbox = Harness::new().await;
    let html = "<html>Bad Gateway</html>";
    sandbox.fault(&json!({"status": 502, "body": html, "times": 1})).await;
    let answer = sandbox.login("1").await.unwrap();
    assert_eq!(
        (answer.text().as_str(), answer.headers["content-type"].as_str()),
        (html, "text/html;charset=UTF-8")
    );

    sandbox.fault(&json!({"body": "", "content_type": "text/plain", "times": 1})).await;
    let answer = sandbox.login("1").await.unwrap();
    assert_eq!((answer.status, answer.text().as_str()), (200, ""));
    assert_eq!(answer.headers["content-type"], "text/plain");

    let headers = json!({"Location": "http://127.0.0.1:1/", "Date": "yesterday"});
    sandbox.fault(&json!({"status": 307, "headers": headers, "times": 1})).await;
    let answer = sandbox.login("1").await.unwrap();
    assert_eq!((answer.status, answer.body.len()), (307, 0));
    assert_eq!(answer.headers["location"], "http://127.0.0.1:1/");
    assert_eq!(answer.headers["date"], "yesterday");
}

#[tokio::test]
async fn headers_alone_go_with_the_normal_answer() {
    let sandbox = Harness::new().await;
    sandbox.fault(&json!({"retry_after": "5"})).await;
    let answer = sandbox.login("1").await.unwrap();
    assert_eq!((answer.status, answer.headers["retry-after"].as_str()), (200, "5"));
    assert!(answer.json()["token"].is_string());
}

#[tokio::test]
async fn statuses_outside_the_usual_range_are_sent() {
    let sandbox = Harness::new().await;
    for status in [103, 199, 204, 299, 600, 999] {
        sandbox.fault(&json!({"status": status, "times": 1})).await;
        assert_eq!(sandbox.login("1").await.unwrap().status, status);
    }
}

#[tokio::test]
async fn a_fault_for_one_guest_spares_the_others() {
    let sandbox = Harness::new().await;
    let token = sandbox.login("1").await.unwrap().json()["token"].as_str().unwrap().to_owned();
    sandbox.fault(&json!({"subject": "1", "status": 500})).await;
    assert_eq!(sandbox.login("2").await.unwrap().status, 200);
    assert_eq!(sandbox.login("1").await.unwrap().status, 500);
    assert_eq!(sandbox.send("GET", ME, &token, "").await.unwrap().status, 500);
}

#[tokio::test]
async fn a_delayed_answer_is_the_normal_one() {
    let sandbox = Harness::new().await;
    sandbox.fault(&json!({"delay_ms": 60, "times": 1})).await;
    let begun = tokio::time::Instant::now();
    assert_eq!(sandbox.login("1").await.unwrap().status, 200);
    assert!(begun.elapsed().as_millis() >= 60);
}

#[tokio::test]
async fn hanging_requests_go_on_when_released_and_the_rule_stays() {
    let sandbox = Harness::new().await;
    sandbox.fault(&json!({"hang": true})).await;
    let (first, second, ()) = tokio::join!(sandbox.login("1"), sandbox.login("2"), async {
        let state = sandbox.wait("hanging", 2).await;
        assert_eq!((&state["in_flight"], &state["mints"]), (&json!(2), &json!(0)));
        sandbox.order("release", &Value::Null).await;
    });
    assert_eq!((first.unwrap().status, second.unwrap().status), (200, 200));
    assert_eq!((sandbox.state("hanging").await, sandbox.state("in_flight").await), (0, 0));

    let (third, ()) = tokio::join!(sandbox.login("3"), async {
        sandbox.wait("hanging", 1).await;
        sandbox.send("DELETE", "/_control/faults/1", "", "").await.unwrap();
    });
    assert_eq!(third.unwrap().status, 200);
    assert_eq!(sandbox.login("4").await.unwrap().status, 200);
}

#[tokio::test]
async fn a_hanging_request_ends_when_its_client_leaves() {
    let sandbox = Harness::new().await;
    sandbox.fault(&json!({"hang": true, "mint": true})).await;
    let stream = sandbox.begin("POST", LOGIN, &jwt("1"), "").await;
    assert_eq!(sandbox.wait("hanging", 1).await["mints"], 1);
    drop(stream);
    let answer = sandbox.show("wait?field=in_flight&at_most=0").await;
    assert_eq!((answer.status, &answer.json()["hanging"]), (200, &json!(0)));
    let visit = &sandbox.show("requests").await.json()[0];
    assert_eq!((&visit["status"], &visit["fault"]), (&Value::Null, &json!(1)));
}

#[tokio::test]
async fn a_reset_is_seen_as_one() {
    let sandbox = Harness::new().await;
    sandbox.fault(&json!({"reset": true})).await;
    assert_eq!(sandbox.login("1").await.unwrap_err().kind(), ErrorKind::ConnectionReset);
    assert_eq!(sandbox.state("in_flight").await, 0);
}

#[tokio::test]
async fn a_closed_connection_carries_no_answer() {
    let sandbox = Harness::new().await;
    sandbox.fault(&json!({"close": true})).await;
    assert_eq!(sandbox.bytes("POST", LOGIN, &jwt("1"), "").await.unwrap(), b"");
}

#[tokio::test]
async fn garbage_is_not_http() {
    let sandbox = Harness::new().await;
    sandbox.fault(&json!({"garbage": true})).await;
    let bytes = sandbox.bytes("POST", LOGIN, &jwt("1"), "").await.unwrap();
    assert!(!bytes.is_empty() && !bytes.starts_with(b"HTTP/"));
}

#[tokio::test]
async fn a_truncated_answer_ends_in_the_middle_of_the_token() {
    let sandbox = Harness::new().await;
    for (mint, mints) in [(false, 0), (true, 1)] {
        sandbox.fault(&json!({"truncate": true, "mint": mint, "times": 1})).await;
        let bytes = sandbox.bytes("POST", LOGIN, &jwt("1"), "").await.unwrap();
        let text = String::from_utf8(bytes).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with("HTTP/1.1 200 OK") && head.contains("date: "), "{head}");
        let announced = format!("content-length: {}", body.len() * 2);
        assert!(head.contains(&announced[..announced.len() - 1]), "{head}");
        assert!(body.contains("eyJ") && !body.contains('}'), "{body}");
        assert_eq!(
            sandbox.login("1").await.map_err(|error| error.kind()).map(|answer| answer.status),
            Ok(200)
        );
        assert_eq!(sandbox.state("mints").await, mints + 1 + u64::from(mint));
    }
}

#[tokio::test]
async fn an_endless_body_goes_on_until_the_client_leaves() {
    let sandbox = Harness::new().await;
    sandbox.fault(&json!({"endless": true})).await;
    let mut stream = sandbox.begin("POST", LOGIN, &jwt("1"), "").await;
    let mut bytes = vec![0; 8 << 20];
    stream.read_exact(&mut bytes).await.unwrap();
    let start = String::from_utf8_lossy(&bytes[..1_000]).into_owned();
    assert!(start.starts_with("HTTP/1.1 200 OK") && start.contains(r#"{"token":""#), "{start}");
    assert!(start.contains("transfer-encoding: chunked"), "{start}");
    drop(stream);
    assert_eq!(sandbox.state("in_flight").await, 0);
}

#[tokio::test]
async fn the_fields_of_a_login_can_be_replaced_and_left_out() {
    let sandbox = Harness::new().await;
    for expires_in in
        [json!(null), json!("21599"), json!(-1), json!(0), json!(1.5), json!([]), json!(u64::MAX)]
    {
        sandbox.fault(&json!({"expires_in": expires_in, "times": 1})).await;
        let answer = sandbox.login("1").await.unwrap().json();
        assert_eq!(answer["expiresIn"], expires_in);
        assert!(answer.as_object().unwrap().contains_key("expiresIn") && answer["token"].is_string());
    }
    assert_eq!(sandbox.state("mints").await, 7);
    sandbox.fault(&json!({"omit_expires_in": true, "token": "x", "times": 1})).await;
    assert_eq!(sandbox.login("1").await.unwrap().json(), json!({"token": "x"}));
    sandbox.fault(&json!({"omit_token": true, "times": 1})).await;
    assert_eq!(sandbox.login("1").await.unwrap().json(), json!({"expiresIn": 21_600}));
}
