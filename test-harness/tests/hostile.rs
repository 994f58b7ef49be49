//! The host before modules that mean it no good, or are only badly made.

#![expect(clippy::unwrap_used, reason = "a test may fail loudly")]

use ambit_test_harness::proxy_host::{
    CalloutAnswer, Gateway, HostError, Module, Request, Response,
};

/// Every import with the numbers it takes; `l` is 64 bits wide.
const IMPORTS: &[(&str, &str)] = &[
    ("proxy_log", "iii"),
    ("proxy_get_log_level", "i"),
    ("proxy_get_current_time_nanoseconds", "i"),
    ("proxy_set_tick_period_milliseconds", "i"),
    ("proxy_get_header_map_pairs", "iii"),
    ("proxy_set_header_map_pairs", "iii"),
    ("proxy_get_header_map_size", "ii"),
    ("proxy_get_header_map_value", "iiiii"),
    ("proxy_add_header_map_value", "iiiii"),
    ("proxy_replace_header_map_value", "iiiii"),
    ("proxy_remove_header_map_value", "iii"),
    ("proxy_get_buffer_bytes", "iiiii"),
    ("proxy_set_buffer_bytes", "iiiii"),
    ("proxy_get_buffer_status", "iii"),
    ("proxy_continue_stream", "i"),
    ("proxy_close_stream", "i"),
    ("proxy_send_local_response", "iiiiiiii"),
    ("proxy_set_effective_context", "i"),
    ("proxy_done", ""),
    ("proxy_http_call", "iiiiiiiiii"),
    ("proxy_get_shared_data", "iiiii"),
    ("proxy_set_shared_data", "iiiii"),
    ("proxy_register_shared_queue", "iii"),
    ("proxy_resolve_shared_queue", "iiiii"),
    ("proxy_enqueue_shared_queue", "iii"),
    ("proxy_dequeue_shared_queue", "iii"),
    ("proxy_define_metric", "iiii"),
    ("proxy_increment_metric", "il"),
    ("proxy_record_metric", "il"),
    ("proxy_get_metric", "ii"),
    ("proxy_get_property", "iiii"),
    ("proxy_set_property", "iiii"),
    ("proxy_call_foreign_function", "iiiiii"),
    ("proxy_get_status", "iii"),
    ("proxy_grpc_call", "iiiiiiiiiiii"),
    ("proxy_grpc_stream", "iiiiiiiii"),
    ("proxy_grpc_send", "iiii"),
    ("proxy_grpc_cancel", "i"),
    ("proxy_grpc_close", "i"),
    ("fd_write", "iiii"),
    ("random_get", "ii"),
    ("clock_time_get", "ili"),
    ("environ_get", "ii"),
    ("environ_sizes_get", "ii"),
    ("args_get", "ii"),
    ("args_sizes_get", "ii"),
    ("fd_close", "i"),
    ("fd_fdstat_get", "ii"),
    ("fd_seek", "ilii"),
    ("sched_yield", ""),
];

fn import(name: &str, numbers: &str) -> String {
    let place = if name.starts_with("proxy_") { "env" } else { "wasi_snapshot_preview1" };
    let kinds: Vec<&str> =
        numbers.chars().map(|kind| if kind == 'l' { "i64" } else { "i32" }).collect();
    let kinds = kinds.join(" ");
    format!("(import \"{place}\" \"{name}\" (func ${name} (param {kinds}) (result i32)))")
}

/// A module with every import and this code.
fn module(code: &str) -> Module {
    let imports: Vec<String> = IMPORTS.iter().map(|(name, kinds)| import(name, kinds)).collect();
    assembled(&format!(
        "(module {} (memory (export \"memory\") 2) (func (export \"proxy_abi_version_0_2_1\")) {code})",
        imports.join("\n")
    ))
}

fn assembled(text: &str) -> Module {
    Module::compile(&wat::parse_str(text).unwrap()).unwrap()
}

/// Hands out memory from one place.
const ALLOCATES: &str =
    "(func (export \"proxy_on_memory_allocate\") (param i32) (result i32) (i32.const 4096))";

fn configures(code: &str) -> String {
    format!("(func (export \"proxy_on_configure\") (param i32 i32) (result i32) {code})")
}

fn error(built: Result<Gateway, HostError>) -> String {
    built.err().map(|error| error.0).unwrap_or_default()
}

#[test]
fn wherever_a_pointer_points_the_host_answers_with_a_status() {
    for (name, kinds) in IMPORTS {
        // All at once, and each alone: past the end, at the last byte, and at nothing.
        for bad in ["-1", "131071", "0x7fffffff", "0"] {
            for at in 0..=kinds.len() {
                let arguments: Vec<String> = kinds
                    .chars()
                    .enumerate()
                    .map(|(place, kind)| {
                        let value = if place == at || at == kinds.len() { bad } else { "64" };
                        format!("({}.const {value})", if kind == 'l' { "i64" } else { "i32" })
                    })
                    .collect();
                let call = format!("(drop (call ${name} {})) (i32.const 1)", arguments.join(" "));
                let module = module(&format!("{ALLOCATES} {}", configures(&call)));
                let built = Gateway::builder(&module).configuration("{}").build();
                assert!(built.is_ok(), "{name} {at} {bad}: {}", error(built));
            }
        }
    }
}

#[test]
fn a_bad_pointer_is_told_as_one() {
    // -1 where the host reads, and where it writes what it found.
    let calls = [
        ("(call $proxy_log (i32.const 2) (i32.const -1) (i32.const 9))", 6),
        ("(call $proxy_log (i32.const 2) (i32.const 131070) (i32.const 9))", 6),
        ("(call $proxy_get_property (i32.const -1) (i32.const 9) (i32.const 0) (i32.const 8))", 6),
        ("(call $proxy_get_current_time_nanoseconds (i32.const 131069))", 6),
        ("(call $proxy_get_header_map_pairs (i32.const 0) (i32.const -1) (i32.const 8))", 6),
        ("(call $proxy_get_header_map_pairs (i32.const 0) (i32.const 8) (i32.const -1))", 6),
        ("(call $random_get (i32.const -1) (i32.const 9))", 21),
        ("(call $random_get (i32.const 0) (i32.const 65537))", 28),
        ("(call $clock_time_get (i32.const 0) (i64.const 0) (i32.const -1))", 21),
        ("(call $fd_write (i32.const 1) (i32.const -1) (i32.const 1) (i32.const 0))", 21),
        ("(call $fd_write (i32.const 1) (i32.const 0) (i32.const -1) (i32.const 0))", 28),
        ("(call $environ_sizes_get (i32.const -1) (i32.const -1))", 21),
        ("(call $fd_close (i32.const 3))", 0),
    ];
    for (call, status) in calls {
        let code = configures(&format!("(i32.eq {call} (i32.const {status}))"));
        let module = module(&format!("{ALLOCATES} {code}"));
        assert!(Gateway::builder(&module).build().is_ok(), "{call} is not {status}");
    }
}

#[test]
fn memory_that_a_module_hands_out_is_checked_too() {
    let asks = "(call $proxy_get_header_map_pairs (i32.const 0) (i32.const 0) (i32.const 8))";
    for (allocates, status) in
        [("(i32.const 0)", 6), ("(i32.const -1)", 6), ("(i32.const 131071)", 6)]
    {
        let code = format!(
            "(func (export \"malloc\") (param i32) (result i32) {allocates}) {}",
            configures(&format!("(i32.eq {asks} (i32.const {status}))"))
        );
        assert!(Gateway::builder(&module(&code)).build().is_ok(), "{allocates}");
    }
    // None at all, or of another shape: the host's failure.
    for none in ["", "(func (export \"malloc\") (param i64) (result i64) (i64.const 0))"] {
        let code = configures(&format!("(i32.eq {asks} (i32.const 10))"));
        assert!(Gateway::builder(&module(&format!("{none} {code}"))).build().is_ok());
    }
    // A module that traps while it allocates has trapped.
    let code = format!(
        "(func (export \"malloc\") (param i32) (result i32) unreachable) {}",
        configures(&format!("(drop {asks}) (i32.const 1)"))
    );
    let why = error(Gateway::builder(&module(&code)).build());
    assert!(why.contains("trap in proxy_on_configure"), "{why}");
}

#[test]
fn what_is_no_module_of_this_abi_is_named() {
    assert!(Module::compile(b"not wasm").is_err());
    let strange = assembled("(module (import \"env\" \"proxy_fly\" (func)))");
    let why = error(Gateway::builder(&strange).build());
    assert!(why.contains("unknown import") && why.contains("proxy_fly"), "{why}");
    let older = assembled("(module (func (export \"proxy_abi_version_0_1_0\")))");
    let why = error(Gateway::builder(&older).build());
    assert!(why.contains("proxy_abi_version_0_2_1"), "{why}");
    let other = import("proxy_log", "ii");
    let why = error(Gateway::builder(&assembled(&format!("(module {other})"))).build());
    assert!(why.contains("proxy_log"), "{why}");
}

#[test]
fn before_it_has_started_a_module_may_only_log() {
    let starts = |code: &str| module(&format!("(func (export \"_initialize\") (drop {code}))"));
    let logs = "(call $proxy_log (i32.const 2) (i32.const 0) (i32.const 0))";
    assert!(Gateway::builder(&starts(logs)).build().is_ok());
    let random = "(call $random_get (i32.const 0) (i32.const 8))";
    assert!(Gateway::builder(&starts(random)).build().is_ok());
    let asks = "(call $proxy_get_current_time_nanoseconds (i32.const 0))";
    let why = error(Gateway::builder(&starts(asks)).build());
    assert!(why.contains("before the module started"), "{why}");
}

#[test]
fn a_module_that_refuses_or_ends_itself_does_not_serve() {
    let refuses =
        "(func (export \"proxy_on_vm_start\") (param i32 i32) (result i32) (i32.const 0))";
    assert!(error(Gateway::builder(&module(refuses)).build()).contains("refuses"));
    assert!(Gateway::builder(&module(&configures("(i32.const 0)"))).build().is_err());
    assert!(Gateway::builder(&module("")).build().is_ok(), "one that does not ask takes anything");
    let ends = "(module (import \"wasi_snapshot_preview1\" \"proc_exit\" (func $exit (param i32)))
        (func (export \"proxy_abi_version_0_2_1\"))
        (func (export \"proxy_on_vm_start\") (param i32 i32) (result i32) (call $exit (i32.const 3)) (i32.const 1)))";
    let why = error(Gateway::builder(&assembled(ends)).build());
    assert!(why.contains("code 3"), "{why}");
}

#[test]
fn a_module_that_never_returns_runs_out_of_fuel_and_its_worker_closes() {
    let spins = "(func (export \"proxy_on_request_headers\") (param i32 i32 i32) (result i32)
        (loop $for_ever (br $for_ever)) (i32.const 0))";
    let mut gateway = Gateway::builder(&module(spins)).workers(2).fuel(1_000_000).build().unwrap();
    for _ in 0..2 {
        let exchange = gateway.send_to(0, Request::get("/"));
        assert_eq!((exchange.status(), exchange.trapped), (503, true));
        assert_eq!(exchange.upstream, None);
    }
    assert!(gateway.logs().iter().any(|(_, line)| line.contains("fuel")), "{:?}", gateway.logs());
}

#[test]
fn memory_has_its_limit() {
    // 2 pages there are; 15 more are too many for 1 MiB.
    let grows = configures("(i32.eq (memory.grow (i32.const 15)) (i32.const -1))");
    assert!(Gateway::builder(&module(&grows)).memory_limit(1 << 20).build().is_ok());
    assert!(Gateway::builder(&module(&grows)).memory_limit(2 << 20).build().is_err());
    assert!(Gateway::builder(&module("")).memory_limit(1 << 16).build().is_err());
}

#[test]
fn what_resumes_a_response_that_is_none_ends_where_envoy_would() {
    let resumes = "(func (export \"proxy_on_request_headers\") (param i32 i32 i32) (result i32)
        (drop (call $proxy_continue_stream (i32.const 1))) (i32.const 0))";
    let mut gateway = Gateway::builder(&module(resumes)).build().unwrap();
    assert!(gateway.send(Request::get("/")).trapped);
    assert!(gateway.death().is_some_and(|why| why.contains("ends Envoy")));
    assert_eq!(gateway.death(), None, "it is told once");
}

#[test]
#[should_panic(expected = "ends Envoy")]
fn no_test_can_miss_that_the_gateway_died() {
    let resumes = "(func (export \"proxy_on_request_headers\") (param i32 i32 i32) (result i32)
        (drop (call $proxy_continue_stream (i32.const 1))) (i32.const 0))";
    let mut gateway = Gateway::builder(&module(resumes)).build().unwrap();
    gateway.send(Request::get("/"));
}

#[test]
fn faults_strike_the_calls_they_are_meant_for() {
    // Three logs in each request; the status of each is written beside the others.
    let counts = "(global $answers (mut i32) (i32.const 0))
        (func $once
          (global.set $answers (i32.add
            (i32.mul (global.get $answers) (i32.const 10))
            (call $proxy_get_log_level (i32.const 0)))))
        (func (export \"proxy_on_request_headers\") (param i32 i32 i32) (result i32)
          (global.set $answers (i32.const 0))
          (call $once) (call $once) (call $once)
          (i32.store (i32.const 16) (global.get $answers))
          (drop (call $proxy_set_property (i32.const 32) (i32.const 1) (i32.const 16) (i32.const 4)))
          (i32.const 0))
        (data (i32.const 32) \"k\")";
    let answers = |mut gateway: Gateway| -> Vec<i32> {
        let mut ask = || {
            let state = gateway.send(Request::get("/")).filter_state;
            let (_, value) = state.first().unwrap();
            i32::from_le_bytes(value.as_slice().try_into().unwrap())
        };
        vec![ask(), ask()]
    };
    let module = module(counts);
    let build = || Gateway::builder(&module);
    assert_eq!(answers(build().build().unwrap()), [0, 0]);
    let import = "proxy_get_log_level";
    assert_eq!(answers(build().fault(import, 1, 9).build().unwrap()), [99, 999]);
    assert_eq!(answers(build().fault_once(import, 1, 9).build().unwrap()), [90, 0]);
    let twice = build().fault_once(import, 0, 2).fault_once(import, 5, 7);
    assert_eq!(answers(twice.build().unwrap()), [200, 7]);
    // WASI's imports break alike.
    let random =
        configures("(i32.eq (call $random_get (i32.const 0) (i32.const 8)) (i32.const 29))");
    let module = self::module(&random);
    assert!(Gateway::builder(&module).fault("random_get", 0, 29).build().is_ok());
}

#[test]
fn a_queue_is_told_to_the_worker_that_registered_last() {
    let queues = "(data (i32.const 0) \"jobs\")
        (func (export \"proxy_on_configure\") (param i32 i32) (result i32)
          (i32.eqz (call $proxy_register_shared_queue (i32.const 0) (i32.const 4) (i32.const 16))))
        (func (export \"proxy_on_request_headers\") (param i32 i32 i32) (result i32)
          (drop (call $proxy_enqueue_shared_queue (i32.load (i32.const 16)) (i32.const 0) (i32.const 4)))
          (i32.const 0))
        (func (export \"proxy_on_queue_ready\") (param i32 i32)
          (drop (call $proxy_dequeue_shared_queue (local.get 1) (i32.const 24) (i32.const 28)))
          (drop (call $proxy_log (i32.const 2) (i32.load (i32.const 24)) (i32.load (i32.const 28)))))";
    let module = module(&format!("{ALLOCATES} {queues}"));
    let mut gateway = Gateway::builder(&module).workers(2).build().unwrap();
    gateway.send_to(0, Request::get("/"));
    assert_eq!(gateway.logs(), [], "the first worker is not the reader");
    gateway.advance(1);
    assert_eq!(gateway.logs(), [(2, "jobs".to_owned())]);
    gateway.advance(1);
    assert_eq!(gateway.logs().len(), 1, "told once");
}

#[test]
fn requests_that_wait_keep_out_of_each_others_way() {
    // Asks `index` for every request, and lets the asker go when the answer comes.
    let asks = "(global $token (mut i32) (i32.const 0))
        (func (export \"proxy_on_request_headers\") (param $context i32) (param i32 i32) (result i32)
          (drop (call $proxy_http_call (i32.const 512) (i32.const 5) (i32.const 600) (i32.const 61)
            (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 100) (i32.const 700)))
          ;; Who asked stands where the token points.
          (i32.store (i32.add (i32.const 1024) (i32.mul (i32.load (i32.const 700)) (i32.const 4)))
            (local.get $context))
          (i32.const 1))
        (func (export \"proxy_on_http_call_response\") (param i32) (param $token i32) (param i32 i32 i32)
          (if (i32.eqz (call $proxy_set_effective_context
                (i32.load (i32.add (i32.const 1024) (i32.mul (local.get $token) (i32.const 4))))))
            (then
              (drop (call $proxy_add_header_map_value (i32.const 0) (i32.const 520) (i32.const 3)
                (i32.const 520) (i32.const 3)))
              (drop (call $proxy_continue_stream (i32.const 0))))
            (else (drop (call $proxy_log (i32.const 2) (i32.const 524) (i32.const 4))))))
        (data (i32.const 512) \"index\") (data (i32.const 520) \"yes\") (data (i32.const 524) \"late\")
        (data (i32.const 600) \"\\03\\00\\00\\00\\07\\00\\00\\00\\03\\00\\00\\00\\0a\\00\\00\\00\\01\\00\\00\\00\\05\\00\\00\\00\\01\\00\\00\\00:method\\00GET\\00:authority\\00x\\00:path\\00/\\00\")";
    let module = module(asks);
    let mut gateway = Gateway::builder(&module)
        .clusters(|_| CalloutAnswer::ByHand)
        .upstream(|seen| Response::new(200).body(seen.get(":path").unwrap()))
        .build()
        .unwrap();
    let mut first = gateway.open(Request::get("/first"));
    let mut second = gateway.open(Request::get("/second"));
    let gone = gateway.open(Request::get("/gone"));
    assert_eq!((gateway.waiting(&first), gateway.waiting(&second)), (1, 1));
    let ok = || CalloutAnswer::Response(Response::new(200));
    // In the other order, and one whose client did not wait.
    let exchange = gateway.disconnect(gone);
    assert_eq!((exchange.client, exchange.upstream), (None, None));
    assert!(gateway.answer(&mut second, ok()));
    assert!(gateway.answer(&mut first, ok()));
    assert!(!gateway.answer(&mut first, ok()), "it waits for no more");
    for (flight, path) in [(first, "/first"), (second, "/second")] {
        let exchange = gateway.finish(flight);
        assert_eq!(exchange.client.unwrap().body, path.as_bytes());
        assert_eq!(exchange.upstream.unwrap().get("yes").unwrap(), "yes");
        assert_eq!(exchange.callouts.len(), 1);
    }
    assert!(gateway.answer_late(CalloutAnswer::Reset));
    assert!(!gateway.answer_late(CalloutAnswer::Reset));
    assert_eq!(gateway.logs(), [(2, "late".to_owned())]);
}

#[test]
fn workers_run_at_the_same_time_and_share_what_they_count() {
    let counts = "(data (i32.const 0) \"requests\")
        (func (export \"proxy_on_vm_start\") (param i32 i32) (result i32)
          (i32.eqz (call $proxy_define_metric (i32.const 0) (i32.const 0) (i32.const 8) (i32.const 16))))
        (func (export \"proxy_on_log\") (param i32)
          (drop (call $proxy_increment_metric (i32.load (i32.const 16)) (i64.const 1))))";
    let mut gateway = Gateway::builder(&module(counts)).workers(4).build().unwrap();
    let requests = vec![vec![Request::get("/"); 50]; 4];
    let exchanges = gateway.send_at_once(requests);
    assert_eq!(exchanges.iter().map(Vec::len).collect::<Vec<_>>(), [50; 4]);
    assert!(exchanges.iter().flatten().all(|exchange| exchange.status() == 200));
    assert_eq!(gateway.metrics(), [("requests".to_owned(), 200)]);
}
