;; Reads what scripts/module-text.mjs has written. JavaScript would do it too, but a page runs it for the first time, by
;; interpreter, for each of sixty thousand characters.
(module
  (memory (export "memory") 1)
  ;; Takes where the text ends, which stands from byte 512 on; returns how many bytes have come to stand there in its place.
  (func (export "decode") (param $end i32) (result i32)
    (local $in i32)
    (local $out i32)
    (local $code i32)
    (local.set $in (i32.const 512))
    ;; The first 256 codes make a table: the byte of each goes to where the code says, below 512.
    (local.set $out (i32.const 256))
    (loop $next
      (local.set $code (i32.load8_u (local.get $in)))
      (if (i32.gt_u (local.get $code) (i32.const 124))
        (then
          (local.set $in (i32.add (local.get $in) (i32.const 1)))
          (local.set $code
            (i32.add
              (i32.shl (i32.sub (local.get $code) (i32.const 124)) (i32.const 7))
              (i32.load8_u (local.get $in))))))
      (if (i32.lt_u (local.get $out) (i32.const 512))
        (then (i32.store8 (local.get $code) (local.get $out)))
        (else (i32.store8 (local.get $out) (i32.load8_u (local.get $code)))))
      (local.set $in (i32.add (local.get $in) (i32.const 1)))
      (local.set $out (i32.add (local.get $out) (i32.const 1)))
      (br_if $next (i32.lt_u (local.get $in) (local.get $end))))
    (i32.sub (local.get $out) (i32.const 512))))
