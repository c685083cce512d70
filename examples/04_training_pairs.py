"""Feed a training loop with noisy and clean raw frames that are made as they are needed, the same ones every time.

python examples/04_training_pairs.py folder-of-photos
"""

import sys
from pathlib import Path

import torch

import campipe as cp


def main(photos: str, count: int = 8, workers: int = 0) -> None:
    recipe = cp.load("pipelines/raw_pairs.yaml")
    dataset = recipe.dataset(photos, count=count, seed=0)
    loader = torch.utils.data.DataLoader(dataset, batch_size=4, num_workers=workers, collate_fn=cp.collate)

    for number, batch in enumerate(loader):
        capture = batch.noisy.capture
        span = (capture.white_level - capture.black_level).reshape(-1, 1, 1, 1)
        difference = (batch.noisy.data - batch.clean.data) / span
        noise = difference.square().mean((1, 2, 3)).sqrt()
        print(f"batch {number}: {tuple(batch.noisy.data.shape)}, {capture.pattern}")
        for drawn, rms in zip(batch.parameters, noise.tolist(), strict=True):
            print(f"  {drawn['camera']:<12} ISO {drawn['iso']:7.0f}  EV {drawn['ev']:+.2f}  noise {100 * rms:.2f} % of white")

    alone = dataset[5].noisy.data
    again = recipe.sample(index=5, seed=0, images=photos).noisy.data
    print(f"sample 5 alone and by itself again: {'the same bits' if torch.equal(alone, again) else 'different'}")


if __name__ == "__main__":
    if len(sys.argv) > 1:
        main(sys.argv[1])
    else:
        from skimage import data

        main(str(Path(data.__file__).parent / "chelsea.png"))
