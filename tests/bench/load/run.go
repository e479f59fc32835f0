package main

import (
	"math/rand"
	"time"
)

// workload is one kind of work; op does it once and is called by many workers at a time.
type workload interface {
	op(w *worker) error
}

type counts struct {
	ops, requests, bytes, errors int64
}

// worker is one closed loop, over one connection or over those of a pool.
type worker struct {
	id      int
	conn    *conn // nil between the requests of a worker that has a pool
	pool    *pool
	resume  chan struct{} // the loop hands over to the worker
	rng     *rand.Rand
	turn    int
	scratch []byte
	count   counts
	times   []time.Duration
	problem string
}

// maxErrors ends a worker: a server that answers wrongly so often is not worth more time.
const maxErrors = 20

// work goes on until the deadline and finishes what it began, so that the work counted is the work done.
func (w *worker) work(l workload, deadline time.Time) time.Time {
	w.count, w.times, w.problem = counts{}, w.times[:0], ""
	now := time.Now()
	for now.Before(deadline) && w.count.errors < maxErrors {
		err := l.op(w)
		end := time.Now()
		if err != nil {
			w.count.errors++
			w.problem = err.Error()
			w.abandon()
		} else {
			w.count.ops++
			w.times = append(w.times, end.Sub(now))
		}
		now = end
	}
	return now
}

// phase runs every worker for d and returns the seconds until the last one was done.
func (l *loop) phase(workers []*worker, work workload, d time.Duration) (float64, error) {
	begin := time.Now()
	var last time.Time
	err := l.run(workers, func(w *worker) { last = w.work(work, begin.Add(d)) })
	return last.Sub(begin).Seconds(), err
}
