// UDP, with the run's deadline built in.

import sockets from "wasi:sockets/udp-create-socket@0.2.12";
import { Unhealthy } from "./failure.js";
import { failing, resolve, socketAddress } from "./net.js";
import { bytesOf } from "./verdict.js";

/** How often a question is sent, as datagrams get lost. */
const TRIES = 3;
/** The addresses from which the system picks the local end of a socket. */
const ANY = { ipv4: { tag: "ipv4", val: [0, 0, 0, 0] }, ipv6: { tag: "ipv6", val: [0, 0, 0, 0, 0, 0, 0, 0] } };

/** A socket for the first address of a host: the phase `resolve`. Nothing is sent yet. */
export function connect(run, host, port) {
    const target = `${host}:${port}`;
    const { net, addresses } = resolve(run, host, target);
    const [address] = addresses;
    return failing(target, () => {
        const socket = run.hold(sockets.createUdpSocket(address.tag));
        socket.startBind(net, socketAddress(ANY[address.tag], 0));
        run.wait(socket.subscribe(), `${target} got no socket`);
        socket.finishBind();
        const [incoming, outgoing] = socket.stream(socketAddress(address, port));
        return new Datagrams(run, target, run.hold(incoming), run.hold(outgoing));
    });
}

class Datagrams {
    #run;
    #incoming;
    #outgoing;

    constructor(run, target, incoming, outgoing) {
        this.#run = run;
        this.#incoming = incoming;
        this.#outgoing = outgoing;
        this.target = target;
    }

    /** Sends a text or bytes as one datagram. */
    send(said) {
        const datagram = { data: bytesOf(said), remoteAddress: null };
        failing(this.target, () => {
            while (!(Number(this.#outgoing.checkSend()) > 0 && Number(this.#outgoing.send([datagram])) > 0)) {
                this.#run.wait(this.#outgoing.subscribe(), `${this.target} took nothing`);
            }
        });
    }

    /** The next datagram. */
    receive() {
        const came = this.#within(this.#run.timeLeft);
        if (!came) throw new Unhealthy(`${this.target} sent nothing in time`);
        return came;
    }

    /** Sends a question, up to three times within the time that is left, until something comes that is an answer to it. */
    ask(question, isAnswer = () => true) {
        let strays = 0;
        for (let left = TRIES; left > 0; left--) {
            this.send(question);
            const over = this.#run.timeLeft * (1 - 1 / left);
            for (let came; (came = this.#within(this.#run.timeLeft - over)); strays++) {
                if (isAnswer(came)) return came;
            }
        }
        if (strays > 0) throw new Unhealthy(`${this.target} sent ${strays} datagrams, and none was the answer`);
        throw new Unhealthy(`${this.target} did not answer in time`);
    }

    /** The next datagram, if one comes within so many seconds. */
    #within(patience) {
        const over = this.#run.timeLeft - patience;
        return failing(this.target, () => {
            for (;;) {
                const [came] = this.#incoming.receive(1);
                if (came) return Uint8Array.from(came.data);
                if (!this.#run.happens(this.#incoming.subscribe(), Math.max(this.#run.timeLeft - over, 0))) return undefined;
            }
        });
    }
}
