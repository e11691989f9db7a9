/** How the training loop hands work to the GPU: one submit a step, two in flight. */

const inFlight = 2;

/** Encodes and submits `times` calls and resolves when the last is done. */
export async function submitInTurn(
  device: GPUDevice,
  times: number,
  encode: (encoder: GPUCommandEncoder) => void,
): Promise<void> {
  const pending: Promise<undefined>[] = [];
  for (let i = 0; i < times; i++) {
    const encoder = device.createCommandEncoder();
    encode(encoder);
    device.queue.submit([encoder.finish()]);
    pending.push(device.queue.onSubmittedWorkDone());
    if (pending.length >= inFlight) await pending.shift();
  }
  await Promise.all(pending);
}
