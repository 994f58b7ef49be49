;; A filter that has nothing to do with Ambit: a request needs an `x-api-key`, which is not passed on;
;; what is let through is marked and counted, and answers do not say what server they are from.
(module
  (import "env" "proxy_get_header_map_value" (func $get (param i32 i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_add_header_map_value" (func $add (param i32 i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_remove_header_map_value" (func $remove (param i32 i32 i32) (result i32)))
  (import "env" "proxy_send_local_response" (func $reply (param i32 i32 i32 i32 i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_define_metric" (func $define (param i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_increment_metric" (func $increment (param i32 i64) (result i32)))

  (memory (export "memory") 2)
  (data (i32.const 16) "x-api-key")
  (data (i32.const 32) "x-checked")
  (data (i32.const 48) "yes")
  (data (i32.const 64) "server")
  (data (i32.const 80) "checked")
  (data (i32.const 96) "no key\n")
  ;; Where the host writes: an address, a size, the number of the counter.
  (global $address i32 (i32.const 0))
  (global $size i32 (i32.const 4))
  (global $counter i32 (i32.const 8))
  (global $free (mut i32) (i32.const 4096))

  (func (export "proxy_abi_version_0_2_1"))
  ;; Nothing is given back: what a request is handed is forgotten with the next.
  (func (export "proxy_on_memory_allocate") (param $bytes i32) (result i32)
    (local $at i32)
    (local.set $at (global.get $free))
    (global.set $free (i32.add (local.get $at) (local.get $bytes)))
    (local.get $at))
  (func (export "proxy_on_context_create") (param i32 i32))
  (func (export "proxy_on_vm_start") (param i32 i32) (result i32) (i32.const 1))
  (func (export "proxy_on_configure") (param i32 i32) (result i32)
    (i32.eqz (call $define (i32.const 0) (i32.const 80) (i32.const 7) (global.get $counter))))

  (func $refuse (result i32)
    (drop (call $reply (i32.const 401) (i32.const 0) (i32.const 0) (i32.const 96) (i32.const 7)
      (i32.const 0) (i32.const 0) (i32.const -1)))
    (i32.const 1))

  (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
    (global.set $free (i32.const 4096))
    (if (call $get (i32.const 0) (i32.const 16) (i32.const 9) (global.get $address) (global.get $size))
      (then (return (call $refuse))))
    (if (i32.eqz (i32.load (global.get $size))) (then (return (call $refuse))))
    ;; A key that cannot be taken away is not passed on.
    (if (call $remove (i32.const 0) (i32.const 16) (i32.const 9)) (then (return (call $refuse))))
    (drop (call $add (i32.const 0) (i32.const 32) (i32.const 9) (i32.const 48) (i32.const 3)))
    (drop (call $increment (i32.load (global.get $counter)) (i64.const 1)))
    (i32.const 0))

  (func (export "proxy_on_response_headers") (param i32 i32 i32) (result i32)
    (drop (call $remove (i32.const 2) (i32.const 64) (i32.const 6)))
    (i32.const 0)))
