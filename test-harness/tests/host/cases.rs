//! What the probe is asked to do.

use super::probe::{Answer, Case, Setting};

fn answer(status: u16, chunks: &[&str]) -> Answer {
    let chunks = chunks.iter().map(|chunk| chunk.as_bytes().to_vec()).collect();
    Answer { status, headers: vec![("x-dup", "r1"), ("x-dup", "r2")], chunks, trailers: Vec::new() }
}

fn get(name: &'static str, script: &'static str) -> Case {
    Case {
        name,
        setting: Setting::Holding,
        script,
        method: "GET",
        headers: vec![("x-dup", "a"), ("x-dup", "b")],
        chunks: Vec::new(),
        trailers: Vec::new(),
        upstream: answer(200, &["hello ", "world"]),
        lookup: Some(answer(200, &["{\"ok\":", "true}"])),
    }
}

fn post(name: &'static str, script: &'static str) -> Case {
    let chunks = vec![b"first ".to_vec(), b"second".to_vec()];
    Case { method: "POST", chunks, ..get(name, script) }
}

/// Every case, the deadly one last.
pub fn all() -> Vec<Case> {
    let sum = vec![("x-sum", "1")];
    let mut cases = vec![
        get("nothing is asked", ""),
        post("a body passes", ""),
        post("a body is held and let go at its end", "p,e"),
        post("a body is held after its headers went", "c,e"),
        post("a body is held without headers being held", "c,p,p"),
        Case { trailers: sum.clone(), ..post("trailers end a body", "p,p,c") },
        Case { trailers: sum.clone(), ..post("trailers pass", "") },
        Case { trailers: sum.clone(), ..post("trailers are held", "c,c,p") },
        get("a reply to headers", "l"),
        get("two replies", "lL"),
        get("a reply and then more", "lac"),
        get("a reply that is held", "l,,,p"),
        get("a reply to a reply", "l,,,L"),
        get("a reply to a reply's body", "l,,,,L"),
        get("a reply whose body is held", "l,,,p,p"),
        get("a reply and a reset", "lx"),
        get("a reset and a reply", "xl"),
        Case { method: "HEAD", ..get("a reply to HEAD", "l") },
        post("a reply to a held body", "p,l"),
        post("a reply to a body whose headers went", "c,l"),
        Case { trailers: sum.clone(), ..post("a reply to trailers", "p,p,l") },
        get("a reply in place of a response", ",,,l"),
        get("a reply in place of a held response", ",,,p,l"),
        get("a reply when the response has begun", ",,,c,l"),
        get("a response held until its end", ",,,p,e"),
        get("a response held in part", ",,,c,e"),
        get("a response that is never let go", ",,,p,p"),
        get("a reset", "x"),
        get("a reset in the response", ",,,x"),
        get("headers replaced", "r"),
        get("headers added", "a"),
        get("headers removed", "k"),
        get("headers removed and added", "kaa"),
        get("response headers replaced", ",,,w"),
        get("response headers added", ",,,y"),
        get("response headers removed", ",,,v"),
        get("a reply's headers changed", "l,,,y"),
        get("request headers changed in the response", ",,,rak"),
        get("response headers changed in the request", "wyv"),
        post("headers changed in the body while held", "p,re"),
        post("headers changed in the body when they went", "c,rc"),
        post("a body read", "p,ie"),
        post("a body read chunk by chunk", "c,ic"),
        get("a body read where there is none", "i"),
        post("a body held until its trailers, and there are none", "p,p,c"),
        get("a body written where there is none", "zb"),
        post("each chunk replaced", "zc,bc"),
        post("a held body replaced at each callback", "zp,be"),
        post("in front of each chunk", "zc,oc"),
        post("after each chunk", "zc,jc"),
        post("in the middle", "zc,Jc"),
        post("a part drained", "zc,Dc"),
        get("a response replaced", ",,,Zc,Bc"),
        get("a response replaced once held", ",,,Zp,Be"),
        get("a response read", ",,,p,Ie"),
        get("a callout", "hp,,,,,,Cg"),
        get("headers changed after a callout", "hp,,,,,,rg"),
        get("headers changed too late after a callout", "hp,,,,,,gr"),
        get("a reply to a callout", "hp,,,,,,l"),
        get("a reply and resume", "hp,,,,,,lg"),
        post("a callout while a body arrives", "hp,p,,,,,Cig"),
        post("a callout while a body arrives, which ends it", "hp,e,,,,,C"),
        Case { trailers: sum.clone(), ..post("a callout while trailers arrive", "hp,p,p,,,,Cg") },
        get("a callout that nobody waits for", "hc,,,,,,C"),
        get("two callouts", "hhp,,,,,,C"),
        get("a dead cluster", "dp,,,,,,Cg"),
        get("an unknown cluster", "uc"),
        get("a callout without a path", "nc"),
        Case { lookup: None, ..get("a callout that is late", "hp,,,,,,Cg") },
        Case { lookup: Some(answer(404, &[])), ..get("a callout without a body", "hp,,,,,,Cg") },
        get("a callout in the response", ",,,hp,p,,CG"),
        get("resumed at once", "gp"),
        get("a reply once resumed", "glp"),
        post("resumed while the body is held", "p,pg"),
        get("a response resumed", ",,,Gp,c"),
        get("a request resumed in its response", ",,,gc"),
        Case {
            upstream: Answer { trailers: sum.clone(), ..answer(200, &["x"]) },
            ..get("response trailers", "")
        },
        Case {
            upstream: Answer { trailers: sum.clone(), ..answer(200, &["x"]) },
            ..get("response trailers end a body", ",,,p,p,c")
        },
        Case { upstream: answer(204, &[]), ..get("a response without a body", ",,,e") },
        Case { upstream: answer(503, &["down"]), ..get("an upstream that fails", "") },
        get("shared data", "S"),
        get("metrics", "M"),
        get("queues", "Q"),
        get("properties", "P"),
        get("properties in the response", ",,,P"),
        get("foreign functions", "F"),
        get("sizes and odd arguments", "m,,,m"),
        get("contexts", "E"),
        get("odd arguments", "O,,,O"),
        get("WASI", "W"),
        get("gRPC that is refused", "R"),
        get("a gRPC call", "Kp,,,,,,g"),
        get("a gRPC call to a dead cluster", "Up,,,,,,,g"),
        get("a gRPC call to an unknown cluster", "Nc"),
        get("a gRPC stream", "Tp,,,,,,,g"),
        get("a gRPC stream that is given up", "X"),
        Case {
            lookup: Some(Answer { trailers: vec![("x-sum", "1")], ..answer(200, &["x"]) }),
            ..get("a callout with trailers", "hp,,,,,,COg")
        },
        Case { chunks: vec![vec![b'x'; 10_000]; 4], ..post("a body over the limit", "p,p") },
        Case {
            chunks: vec![vec![b'x'; 10_000]; 4],
            ..post("a body over the limit that passes", "c,c")
        },
        Case {
            chunks: vec![vec![b'x'; 10_000]; 4],
            ..post("a body over the limit whose headers went", "c,p")
        },
        Case {
            upstream: Answer { chunks: vec![vec![b'x'; 10_000]; 4], ..answer(200, &[]) },
            ..get("a response over the limit", ",,,p,p")
        },
        Case {
            upstream: Answer { chunks: vec![vec![b'x'; 10_000]; 4], ..answer(200, &[]) },
            ..get("a response over the limit that has begun", ",,,c,p")
        },
    ];
    let not_holding = [
        post("a callout and then the body", "hp,c,,,,,Cg"),
        post("a body after a callout, held", "hp,e,,,,,Cg"),
        get("no body and a callout", "hp,,,,,,Cg"),
        post("headers not held", "c,e"),
        get("a response held for a callout", ",,,hp,c,,CG"),
    ];
    cases.extend(not_holding.map(|case| Case { setting: Setting::NotHolding, ..case }));
    cases.push(Case { setting: Setting::Doomed, ..get("a trap", "t") });
    cases.push(Case { setting: Setting::Doomed, ..get("after the trap", "") });
    cases
}
