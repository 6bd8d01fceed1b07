"""ctypes_hello.py: libleat from Python without a binding.   ctypes_hello.py TOPIC COUNT
Sends COUNT records and reads them back in one poll loop: leat.dispatch=true brings callbacks into leat_client_dispatch, and one
descriptor tells when to call it. No function of the library is inline.
"""
import ctypes
import selectors
import sys

leat = ctypes.CDLL("libleat.so.0")
DELIVERY = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p)
for name in ("leat_conf_new", "leat_record_new", "leat_offsets_new", "leat_batch_at", "leat_record_value"):
    getattr(leat, name).restype = ctypes.c_void_p
for name in ("leat_strerror", "leat_error_message"):
    getattr(leat, name).restype = ctypes.c_char_p
leat.leat_batch_count.restype = ctypes.c_size_t
topic, count = sys.argv[1].encode(), int(sys.argv[2])
err = ctypes.c_void_p()


def need(code):
    if code < 0:
        sys.exit((leat.leat_error_message(err) or leat.leat_strerror(code)).decode())
    return code


def made(function, *arguments):
    handle = ctypes.c_void_p()
    need(function(*arguments, ctypes.byref(handle), ctypes.byref(err)))
    return handle


@DELIVERY
def on_delivery(delivery, _):
    need(leat.leat_delivery_code(ctypes.c_void_p(delivery)))


conf, rec, parts = (ctypes.c_void_p(new()) for new in (leat.leat_conf_new, leat.leat_record_new, leat.leat_offsets_new))
need(leat.leat_conf_load_profile(conf, None, ctypes.byref(err)))
need(leat.leat_conf_set(conf, b"leat.dispatch", b"true", ctypes.byref(err)))
client = made(leat.leat_client_new, conf)
producer = made(leat.leat_producer_new, client, None)
consumer = made(leat.leat_consumer_new, client, None)
need(leat.leat_record_set_topic(rec, topic, 0))
for i in range(count):
    value = b"hello %d" % i
    need(leat.leat_record_set_value(rec, value, ctypes.c_size_t(len(value))))
    need(leat.leat_send(producer, rec, on_delivery, None))
need(leat.leat_offsets_add(parts, topic, 0, ctypes.c_int64(-2)))  # LEAT_OFFSET_START
need(leat.leat_consumer_assign(consumer, parts, ctypes.byref(err)))
selector = selectors.DefaultSelector()
selector.register(need(leat.leat_client_event_fd(client)), selectors.EVENT_READ)
while count > 0:
    selector.select()
    need(leat.leat_client_dispatch(client, 0))
    batch, size = ctypes.c_void_p(), ctypes.c_size_t()
    count -= need(leat.leat_consumer_poll(consumer, 0, ctypes.byref(batch), ctypes.byref(err)))
    for i in range(leat.leat_batch_count(batch)):
        record = ctypes.c_void_p(leat.leat_batch_at(batch, ctypes.c_size_t(i)))
        print(ctypes.string_at(leat.leat_record_value(record, ctypes.byref(size)), size.value).decode())
    leat.leat_batch_unref(batch)
