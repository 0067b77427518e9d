"""Hugging Face's own training loop on the CPU."""

import tempfile

import torch
from transformers import Trainer, TrainingArguments


def train(network: torch.nn.Module, items: list[dict], epochs: int, rate: float) -> None:
    """Train `network`, whose forward takes pixel_values and labels, by `transformers.Trainer`."""
    images = [{name: item[name] for name in ("pixel_values", "labels")} for item in items]
    with tempfile.TemporaryDirectory() as folder:
        settings = TrainingArguments(
            folder,
            num_train_epochs=epochs,
            learning_rate=rate,
            per_device_train_batch_size=16,
            use_cpu=True,
            report_to=[],
            save_strategy="no",
            logging_steps=20,
        )
        Trainer(model=network, args=settings, train_dataset=images).train()
