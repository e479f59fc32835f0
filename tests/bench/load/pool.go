package main

import (
	"hash"
	"math/rand"
)

// pool is connections that clients share as those of Go's HTTP client are: a request takes any that is idle, so that
// the requests of one push come by several connections, and so to several workers of a server.
type pool struct {
	idle []*conn
	rng  *rand.Rand
}

// share gives each worker a connection of its own, or all of them one pool.
func share(workers []*worker, o options, l *loop) {
	var shared *pool
	if o.pool > 0 {
		shared = &pool{rng: rand.New(rand.NewSource(1))}
		for range o.pool {
			shared.idle = append(shared.idle, newConn(o.addr, l))
		}
	}
	for _, w := range workers {
		if w.pool = shared; shared == nil {
			w.use(newConn(o.addr, l))
		}
	}
}

func (w *worker) use(c *conn) {
	w.conn, c.resume = c, w.resume
}

// take has the worker use any idle connection; there are more than workers.
func (w *worker) take() {
	if p := w.pool; p != nil && w.conn == nil {
		last := len(p.idle) - 1
		at := p.rng.Intn(last + 1)
		p.idle[at], p.idle[last] = p.idle[last], p.idle[at]
		w.use(p.idle[last])
		p.idle = p.idle[:last]
	}
}

// release puts the connection back after a whole answer.
func (w *worker) release() {
	if p := w.pool; p != nil {
		p.idle = append(p.idle, w.conn)
		w.conn = nil
	}
}

// abandon closes the connection after an error, if the worker has one.
func (w *worker) abandon() {
	if w.conn != nil {
		w.conn.close()
		w.release()
	}
}

// do makes one request on a connection of the worker's.
func (w *worker) do(head []byte, send func() error, isHead bool, sink hash.Hash) (answer, error) {
	w.take()
	a, err := w.conn.do(head, send, isHead, sink)
	w.release()
	return a, err
}
