;; A guest whose memory is what the fuzzer wants it to be: its settings are bytes, two letters from `a` to `p` each, which it
;; puts where the host reads its verdict.
(module
  (memory (export "memory") 4)
  (global $free (mut i32) (i32.const 131072))
  ;; What is handed over, one after another; an instance lives for one call.
  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
    (local $at i32)
    (local.set $at (i32.and (i32.add (global.get $free) (i32.const 15)) (i32.const -16)))
    (global.set $free (i32.add (local.get $at) (local.get 3)))
    local.get $at)
  (func (export "probity:probe/checker@0.1.0#check")
    (param $settings i32) (param $length i32) (param i32 i32 i32 i64 i32 i32 i32 i32) (result i32)
    (local $at i32)
    (block $done
      (loop $next
        (br_if $done (i32.ge_u (local.get $at) (i32.shr_u (local.get $length) (i32.const 1))))
        (i32.store8 (local.get $at)
          (i32.or
            (i32.shl
              (i32.sub (i32.load8_u (i32.add (local.get $settings) (i32.shl (local.get $at) (i32.const 1)))) (i32.const 97))
              (i32.const 4))
            (i32.sub
              (i32.load8_u offset=1 (i32.add (local.get $settings) (i32.shl (local.get $at) (i32.const 1))))
              (i32.const 97))))
        (local.set $at (i32.add (local.get $at) (i32.const 1)))
        (br $next)))
    i32.const 0))
