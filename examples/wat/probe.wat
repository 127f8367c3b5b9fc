;; Connects to a TCP port, and expects a banner: a whole probe in hand-written WebAssembly.
;;
;; A core module, which `probity build` makes a component of: the names of its imports and exports, and what they take, are
;; those of the canonical ABI. Where a function returns more than one number, its caller says where in memory to put it; the
;; first byte of a `result` is 0 for ok. Nothing is given back: the instance lives for one run.
(module
  (import "wasi:clocks/monotonic-clock@0.2.12" "now" (func $now (result i64)))
  (import "wasi:clocks/monotonic-clock@0.2.12" "subscribe-instant" (func $alarm (param i64) (result i32)))
  (import "wasi:io/poll@0.2.12" "poll" (func $poll (param i32 i32 i32)))
  (import "wasi:sockets/instance-network@0.2.12" "instance-network" (func $network (result i32)))
  (import "wasi:sockets/ip-name-lookup@0.2.12" "resolve-addresses" (func $resolve (param i32 i32 i32 i32)))
  (import "wasi:sockets/ip-name-lookup@0.2.12" "[method]resolve-address-stream.subscribe"
    (func $resolved (param i32) (result i32)))
  (import "wasi:sockets/ip-name-lookup@0.2.12" "[method]resolve-address-stream.resolve-next-address"
    (func $next_address (param i32 i32)))
  (import "wasi:sockets/tcp-create-socket@0.2.12" "create-tcp-socket" (func $socket (param i32 i32)))
  ;; The socket, the network, which kind of address, and room for the eleven numbers of an IPv6 address.
  (import "wasi:sockets/tcp@0.2.12" "[method]tcp-socket.start-connect"
    (func $connect (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32)))
  (import "wasi:sockets/tcp@0.2.12" "[method]tcp-socket.subscribe" (func $connected (param i32) (result i32)))
  (import "wasi:sockets/tcp@0.2.12" "[method]tcp-socket.finish-connect" (func $finish_connect (param i32 i32)))
  (import "wasi:io/streams@0.2.12" "[method]input-stream.subscribe" (func $arrived (param i32) (result i32)))
  (import "wasi:io/streams@0.2.12" "[method]input-stream.read" (func $read (param i32 i64 i32)))

  ;; Where things lie. 64: what is polled, 72: what came of it. 128: what an import returned. 256: what a function of ours
  ;; returns. 512: texts. 4096: the banner, as much as 4096 bytes of it. 8192: the message that is being written.
  ;; 16384 and on: what the runner puts here.
  (memory (export "memory") 1)

  ;; The description, as its record lies in memory.
  (data (i32.const 1024)
    "\00\09\00\00\0c\00\00\00"  ;; name: 12 bytes at 2304
    "\90\04\00\00\05\00\00\00"  ;; version: 5 bytes at 1168
    "\a0\04\00\00\2d\00\00\00"  ;; description: 45 bytes at 1184
    "\00\05\00\00\dd\00\00\00"  ;; settings-schema: 221 bytes at 1280
    "\01\00\00\00\00\00\00\00\00\ac\23\fc\06\00\00\00"  ;; default-interval: some 30,000,000,000 ns
    "\01\00\00\00\00\00\00\00\00\f2\05\2a\01\00\00\00"  ;; default-timeout: some 5,000,000,000 ns
    "\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00"  ;; memory: none
    "\00\00\00\00"                                      ;; not critical, not passive
    "\f0\05\00\00\01\00\00\00") ;; grants: 1 at 1520
  (data (i32.const 1168) "0.1.0")
  (data (i32.const 1184) "Connects to a TCP port, and expects a banner.")
  (data (i32.const 1280)
    "{\22type\22:\22object\22,\22additionalProperties\22:false,\22required\22:[\22host\22,\22port\22],\22properties\22:{"
    "\22host\22:{\22type\22:\22string\22,\22minLength\22:1},\22port\22:{\22type\22:\22integer\22,\22minimum\22:1,\22maximum\22:65535},"
    "\22expect\22:{\22type\22:\22string\22,\22default\22:\22\22}}}")
  (data (i32.const 2304) "banner-probe")
  (data (i32.const 1520) "\f8\05\00\00\11\00\00\00")
  (data (i32.const 1528) "tcp:{host}:{port}")

  ;; What the settings are called: a quote before and behind, as they are in JSON.
  (data (i32.const 512) "\22host\22\22port\22\22expect\22")
  ;; What messages are made of.
  (data (i32.const 544) " was not resolved in time")
  (data (i32.const 576) " has no address")
  (data (i32.const 592) " took no connection in time")
  (data (i32.const 624) "can't connect to ")
  (data (i32.const 656) " did not send the banner in time")
  (data (i32.const 704) " closed the connection before the banner")
  (data (i32.const 752) " sent another banner")
  (data (i32.const 784) " greets with ")
  (data (i32.const 800) "/hostmissing; give a name or an address such as `db.internal`")
  (data (i32.const 896) "/portmust be a number from 1 to 65535")
  (data (i32.const 960) "connectbanners")
  (data (i32.const 976) " is not granted")
  ;; The error codes of wasi:sockets, 28 bytes for each.
  (data (i32.const 1600)
    "unknown                     access-denied               not-supported               invalid-argument            "
    "out-of-memory               timeout                     concurrency-conflict        not-in-progress             "
    "would-block                 invalid-state               new-socket-limit            address-not-bindable        "
    "address-in-use              remote-unreachable          connection-refused          connection-reset            "
    "connection-aborted          datagram-too-large          name-unresolvable           temporary-resolver-failure  "
    "permanent-resolver-failure  ")

  (global $free (mut i32) (i32.const 16384))
  ;; The settings, as JSON.
  (global $settings (mut i32) (i32.const 0))
  (global $settings_end (mut i32) (i32.const 0))
  (global $host (mut i32) (i32.const 0))
  (global $host_length (mut i32) (i32.const 0))
  (global $port (mut i32) (i32.const 0))
  (global $expect (mut i32) (i32.const 0))
  (global $expect_length (mut i32) (i32.const 0))
  ;; What is polled when the time is over.
  (global $deadline (mut i32) (i32.const 0))
  ;; Up to where the message is written.
  (global $message (mut i32) (i32.const 8192))

  ;; Memory for what the runner has to say: always new, and never moved.
  (func (export "cabi_realloc") (param i32 i32) (param $align i32) (param $size i32) (result i32)
    (local $at i32)
    (local.set $at (i32.and
      (i32.add (global.get $free) (i32.sub (local.get $align) (i32.const 1)))
      (i32.sub (i32.const 0) (local.get $align))))
    (global.set $free (i32.add (local.get $at) (local.get $size)))
    (block $enough
      (loop $more
        (br_if $enough (i32.le_u (global.get $free) (i32.mul (memory.size) (i32.const 65536))))
        (br_if $more (i32.ne (memory.grow (i32.const 1)) (i32.const -1)))
        unreachable))
    (local.get $at))

  (func (export "probity:probe/manifest@0.1.0#describe") (result i32)
    (i32.const 1024))

  ;; A list of what is wrong: nothing, or the first thing.
  (func (export "probity:probe/manifest@0.1.0#validate") (param $at i32) (param $length i32) (result i32)
    (call $understand (local.get $at) (local.get $length))
    (i64.store (i32.const 256) (i64.const 264))
    (if (i32.eqz (global.get $host_length))
      (then (return (call $complain (i32.const 800) (i32.const 805) (i32.const 56)))))
    (if (i32.gt_u (i32.sub (global.get $port) (i32.const 1)) (i32.const 65534))
      (then (return (call $complain (i32.const 896) (i32.const 901) (i32.const 32)))))
    (i32.const 256))

  (func $complain (param $pointer i32) (param $text i32) (param $length i32) (result i32)
    (i32.store (i32.const 260) (i32.const 1))
    (i32.store (i32.const 264) (local.get $pointer))
    (i32.store (i32.const 268) (i32.const 5))
    (i32.store (i32.const 272) (local.get $text))
    (i32.store (i32.const 276) (local.get $length))
    (i32.const 256))

  ;; The settings, then the run: its check, attempt, time left, traceparent and state.
  (func (export "probity:probe/checker@0.1.0#check")
    (param $at i32) (param $length i32)
    (param i32 i32 i32) (param $time_left i64) (param i32 i32 i32 i32)
    (result i32)
    (local $began i64) (local $met i64) (local $network i32) (local $handle i32) (local $length_so_far i32)
    (call $understand (local.get $at) (local.get $length))
    (local.set $began (call $now))
    ;; A target that does not answer is unhealthy, and only the probe can say so: it keeps some of its time for that.
    (global.set $deadline (call $alarm (i64.add (local.get $began) (call $but_some (local.get $time_left)))))
    (local.set $network (call $network))

    ;; TODO: this is where your own examination goes. Here: resolve, connect, and wait for the banner.
    (call $resolve (local.get $network) (global.get $host) (global.get $host_length) (i32.const 128))
    (if (i32.load8_u (i32.const 128)) (then (return (call $failed (i32.load8_u (i32.const 132))))))
    (local.set $handle (i32.load (i32.const 132)))
    (if (i32.eqz (call $happened (call $resolved (local.get $handle))))
      (then (return (call $unhealthy (i32.const 544) (i32.const 25)))))
    (call $next_address (local.get $handle) (i32.const 128))
    (if (i32.load8_u (i32.const 128)) (then (return (call $failed (i32.load8_u (i32.const 130))))))
    (if (i32.eqz (i32.load8_u (i32.const 130)))
      (then (return (call $unhealthy (i32.const 576) (i32.const 15)))))

    ;; The address: which kind it is at 132, its parts at 134.
    (call $socket (i32.load8_u (i32.const 132)) (i32.const 160))
    (if (i32.load8_u (i32.const 160)) (then (return (call $failed (i32.load8_u (i32.const 164))))))
    (local.set $handle (i32.load (i32.const 164)))
    (if (i32.eqz (i32.load8_u (i32.const 132)))
      (then (call $connect (local.get $handle) (local.get $network) (i32.const 0) (global.get $port)
        (i32.load8_u (i32.const 134)) (i32.load8_u (i32.const 135)) (i32.load8_u (i32.const 136)) (i32.load8_u (i32.const 137))
        (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 160)))
      (else (call $connect (local.get $handle) (local.get $network) (i32.const 1) (global.get $port) (i32.const 0)
        (i32.load16_u (i32.const 134)) (i32.load16_u (i32.const 136)) (i32.load16_u (i32.const 138)) (i32.load16_u (i32.const 140))
        (i32.load16_u (i32.const 142)) (i32.load16_u (i32.const 144)) (i32.load16_u (i32.const 146)) (i32.load16_u (i32.const 148))
        (i32.const 0) (i32.const 160))))
    (if (i32.load8_u (i32.const 160)) (then (return (call $failed (i32.load8_u (i32.const 161))))))
    (if (i32.eqz (call $happened (call $connected (local.get $handle))))
      (then (return (call $unhealthy (i32.const 592) (i32.const 27)))))
    (call $finish_connect (local.get $handle) (i32.const 128))
    (if (i32.load8_u (i32.const 128)) (then (return (call $failed (i32.load8_u (i32.const 132))))))
    (local.set $handle (i32.load (i32.const 132)))
    (local.set $met (call $now))

    (loop $more
      (if (i32.ge_u (local.get $length_so_far) (i32.const 4096))
        (then (return (call $unhealthy (i32.const 752) (i32.const 20)))))
      (if (i32.eqz (call $happened (call $arrived (local.get $handle))))
        (then (return (call $unhealthy (i32.const 656) (i32.const 32)))))
      (call $read (local.get $handle)
        (i64.extend_i32_u (i32.sub (i32.const 4096) (local.get $length_so_far))) (i32.const 128))
      (if (i32.load8_u (i32.const 128)) (then (return (call $unhealthy (i32.const 704) (i32.const 40)))))
      (memory.copy
        (i32.add (i32.const 4096) (local.get $length_so_far)) (i32.load (i32.const 132)) (i32.load (i32.const 136)))
      (local.set $length_so_far (i32.add (local.get $length_so_far) (i32.load (i32.const 136))))
      (br_if $more (i32.eqz (call $is_in (local.get $length_so_far)))))

    ;; Two measurements: name, unit and value of each.
    (i32.store (i32.const 352) (i32.const 960))
    (i32.store (i32.const 356) (i32.const 7))
    (i32.store (i32.const 360) (i32.const 973))
    (i32.store (i32.const 364) (i32.const 1))
    (f64.store (i32.const 368) (call $seconds (i64.sub (local.get $met) (local.get $began))))
    (i32.store (i32.const 376) (i32.const 967))
    (i32.store (i32.const 380) (i32.const 6))
    (i32.store (i32.const 384) (i32.const 973))
    (i32.store (i32.const 388) (i32.const 1))
    (f64.store (i32.const 392) (call $seconds (i64.sub (call $now) (local.get $met))))
    (i32.store (i32.const 284) (i32.const 352))
    (i32.store (i32.const 288) (i32.const 2))
    (call $say (global.get $host) (global.get $host_length))
    (call $say (i32.const 784) (i32.const 13))
    (call $say_line (local.get $length_so_far))
    (call $verdict (i32.const 0)))

  ;; What of this time may be used.
  (func $but_some (param $time i64) (result i64)
    (local $keep i64)
    (local.set $keep (i64.div_u (local.get $time) (i64.const 25)))
    (if (i64.lt_u (local.get $keep) (i64.const 20000000)) (then (local.set $keep (i64.const 20000000))))
    (if (result i64) (i64.lt_u (local.get $time) (local.get $keep))
      (then (i64.const 0))
      (else (i64.sub (local.get $time) (local.get $keep)))))

  (func $seconds (param $nanoseconds i64) (result f64)
    (f64.div (f64.convert_i64_u (local.get $nanoseconds)) (f64.const 1e9)))

  ;; Whether this happens before the time is over.
  (func $happened (param $pollable i32) (result i32)
    (i32.store (i32.const 64) (local.get $pollable))
    (i32.store (i32.const 68) (global.get $deadline))
    (call $poll (i32.const 64) (i32.const 2) (i32.const 72))
    ;; Both are ready, or the one that is has the number 0.
    (i32.or
      (i32.eq (i32.load (i32.const 76)) (i32.const 2))
      (i32.eqz (i32.load (i32.load (i32.const 72))))))

  ;; A verdict with the message that has been written. It lies 8 bytes into the result, whose first byte is 0: ok.
  (func $verdict (param $status i32) (result i32)
    (i32.store8 (i32.const 264) (local.get $status))
    (i32.store (i32.const 268) (i32.const 8192))
    (i32.store (i32.const 272) (i32.sub (global.get $message) (i32.const 8192)))
    (i32.const 256))

  ;; The host, and what is wrong with it.
  (func $unhealthy (param $text i32) (param $length i32) (result i32)
    (call $say (global.get $host) (global.get $host_length))
    (call $say (local.get $text) (local.get $length))
    (call $verdict (i32.const 2)))

  ;; What follows from an error code.
  (func $failed (param $code i32) (result i32)
    (local $name i32) (local $length i32)
    (if (i32.eq (local.get $code) (i32.const 1))
      (then
        ;; Not ok: the problem `denied`. The runner adds the grant that the operator would have to write.
        (call $say (global.get $host) (global.get $host_length))
        (call $say (i32.const 976) (i32.const 15))
        (i32.store8 (i32.const 256) (i32.const 1))
        (return (call $verdict (i32.const 1)))))
    (call $say (i32.const 624) (i32.const 17))
    (call $say (global.get $host) (global.get $host_length))
    (i32.store16 (global.get $message) (i32.const 0x203a)) ;; ": "
    (global.set $message (i32.add (global.get $message) (i32.const 2)))
    (local.set $name (i32.add (i32.const 1600) (i32.mul (local.get $code) (i32.const 28))))
    (loop $more
      (local.set $length (i32.add (local.get $length) (i32.const 1)))
      (br_if $more (i32.ne (i32.load8_u (i32.add (local.get $name) (local.get $length))) (i32.const 32))))
    (call $say (local.get $name) (local.get $length))
    (call $verdict (i32.const 2)))

  (func $say (param $text i32) (param $length i32)
    (memory.copy (global.get $message) (local.get $text) (local.get $length))
    (global.set $message (i32.add (global.get $message) (local.get $length))))

  ;; The first line of the banner, as far as it can be shown.
  (func $say_line (param $length i32)
    (local $at i32) (local $byte i32)
    (if (i32.gt_u (local.get $length) (i32.const 120)) (then (local.set $length (i32.const 120))))
    (block $done
      (loop $more
        (br_if $done (i32.eq (local.get $at) (local.get $length)))
        (local.set $byte (i32.load8_u (i32.add (i32.const 4096) (local.get $at))))
        (br_if $done (i32.or (i32.eq (local.get $byte) (i32.const 10)) (i32.eq (local.get $byte) (i32.const 13))))
        (if (i32.or (i32.lt_u (local.get $byte) (i32.const 32)) (i32.gt_u (local.get $byte) (i32.const 126)))
          (then (local.set $byte (i32.const 63)))) ;; ?
        (i32.store8 (global.get $message) (local.get $byte))
        (global.set $message (i32.add (global.get $message) (i32.const 1)))
        (local.set $at (i32.add (local.get $at) (i32.const 1)))
        (br $more))))

  ;; Whether the banner has what is expected in it.
  (func $is_in (param $length i32) (result i32)
    (local $at i32)
    (block $no
      (loop $further
        (br_if $no (i32.gt_u (i32.add (local.get $at) (global.get $expect_length)) (local.get $length)))
        (if (call $are_equal (i32.add (i32.const 4096) (local.get $at)) (global.get $expect) (global.get $expect_length))
          (then (return (i32.gt_u (local.get $length) (i32.const 0)))))
        (local.set $at (i32.add (local.get $at) (i32.const 1)))
        (br $further)))
    (i32.const 0))

  (func $are_equal (param $one i32) (param $other i32) (param $length i32) (result i32)
    (block $no
      (loop $further
        (if (i32.eqz (local.get $length)) (then (return (i32.const 1))))
        (br_if $no (i32.ne (i32.load8_u (local.get $one)) (i32.load8_u (local.get $other))))
        (local.set $one (i32.add (local.get $one) (i32.const 1)))
        (local.set $other (i32.add (local.get $other) (i32.const 1)))
        (local.set $length (i32.sub (local.get $length) (i32.const 1)))
        (br $further)))
    (i32.const 0))

  ;; Finds the settings in their JSON: as much of it as they take, which is texts without `\`, and a number.
  (func $understand (param $at i32) (param $length i32)
    (global.set $settings (local.get $at))
    (global.set $settings_end (i32.add (local.get $at) (local.get $length)))
    (local.set $at (call $value_of (i32.const 512) (i32.const 6)))
    (if (local.get $at)
      (then
        (global.set $host (i32.add (local.get $at) (i32.const 1)))
        (global.set $host_length (call $text_length (local.get $at)))))
    (local.set $at (call $value_of (i32.const 518) (i32.const 6)))
    (if (local.get $at) (then (global.set $port (call $number (local.get $at)))))
    (local.set $at (call $value_of (i32.const 524) (i32.const 8)))
    (if (local.get $at)
      (then
        (global.set $expect (i32.add (local.get $at) (i32.const 1)))
        (global.set $expect_length (call $text_length (local.get $at))))))

  ;; Where the value of this key begins; 0 if it has none.
  (func $value_of (param $key i32) (param $length i32) (result i32)
    (local $at i32)
    (local.set $at (global.get $settings))
    (block $none
      (loop $further
        (br_if $none (i32.gt_u (i32.add (local.get $at) (local.get $length)) (global.get $settings_end)))
        (if (call $are_equal (local.get $at) (local.get $key) (local.get $length))
          (then
            (local.set $at (i32.add (local.get $at) (local.get $length)))
            ;; The colon, and spaces.
            (loop $skip
              (if (i32.or
                    (i32.eq (i32.load8_u (local.get $at)) (i32.const 58))
                    (i32.eq (i32.load8_u (local.get $at)) (i32.const 32)))
                (then (local.set $at (i32.add (local.get $at) (i32.const 1))) (br $skip))))
            (return (local.get $at))))
        (local.set $at (i32.add (local.get $at) (i32.const 1)))
        (br $further)))
    (i32.const 0))

  ;; How long the text is whose quote is here; 0 if it is no text.
  (func $text_length (param $at i32) (result i32)
    (local $end i32)
    (if (i32.ne (i32.load8_u (local.get $at)) (i32.const 34)) (then (return (i32.const 0))))
    (local.set $at (i32.add (local.get $at) (i32.const 1)))
    (local.set $end (local.get $at))
    (loop $further
      (if (i32.and
            (i32.lt_u (local.get $end) (global.get $settings_end))
            (i32.ne (i32.load8_u (local.get $end)) (i32.const 34)))
        (then (local.set $end (i32.add (local.get $end) (i32.const 1))) (br $further))))
    (i32.sub (local.get $end) (local.get $at)))

  (func $number (param $at i32) (result i32)
    (local $number i32) (local $digit i32)
    (loop $further
      (local.set $digit (i32.sub (i32.load8_u (local.get $at)) (i32.const 48)))
      ;; More than five digits are no port.
      (if (i32.and (i32.le_u (local.get $digit) (i32.const 9)) (i32.lt_u (local.get $number) (i32.const 100000)))
        (then
          (local.set $number (i32.add (i32.mul (local.get $number) (i32.const 10)) (local.get $digit)))
          (local.set $at (i32.add (local.get $at) (i32.const 1)))
          (br $further))))
    (local.get $number)))
